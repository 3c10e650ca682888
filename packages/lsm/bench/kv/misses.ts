/** Why a target is missed, by the title of the row: printed beside the miss. A row that is met again loses its line here. */
export const REASONS: Readonly<Record<string, string>> = {
  'awaited single put':
    'every put is handed to the operating system before it is acknowledged: one write call, and the row pays for the flushes of its memtables; the peer takes 17 to 28 us here, where it took 108 when the target was set',
  'awaited get, hot':
    'abstract-level adds a promise and two asynchronous functions to each call; the peer takes 20 to 33 us here, where it took 101 when the target was set',
  'readseq, per entry':
    'keys and values are copies, so each entry is three objects; in a memtable the entries of a scan lie at random places',
  '64 KiB values: fill':
    'a value is copied, checked page by page and handed to the operating system once: 70 to 95 us when nothing else runs and the code is optimized, 130 to 265 when other work shares caches and processors; the peer takes 400 to 690',
  'one synced put at a time':
    'one flush of the disk in the thread pool for each, as the peer has it; the promises around it take longer than its native code where other processes want the processor (on a calm machine the row is met)',
}
