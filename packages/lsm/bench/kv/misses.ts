/** Why a target is missed, by the title of the row: printed beside the miss. A row that is met again loses its line here. */
export const REASONS: Readonly<Record<string, string>> = {
  'awaited single put':
    'every put is handed to the operating system before it is acknowledged: one write call, 1.9 us in the system and 1 us in front of it, of 5.3 us; the peer takes 17 us here, where it took 108 when the target was set',
  'awaited get, hot':
    'abstract-level adds a promise and two asynchronous functions to each call; the peer takes 20 us here, where it took 101 when the target was set',
}
