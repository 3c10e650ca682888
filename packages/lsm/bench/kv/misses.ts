/** Why a target is missed, by the title of the row: printed beside the miss. A row that is met again loses its line here. */
export const REASONS: Readonly<Record<string, string>> = {
  'awaited single put':
    'every put is handed to the operating system before it is acknowledged: one write call, and the row pays for the flushes of its memtables (4.9 us in all on a calm machine); the peer takes 17 to 28 us here, where it took 108 when the target was set',
  '64 KiB values: fill':
    'a value is copied, checked page by page and handed to the operating system once: 62 to 90 us with compiled code, 120 to 265 when other work shares caches and processors; the peer takes 400 to 690',
  '64 KiB values overwritten three times: space per byte alive':
    'between 1.27 and 1.81 from run to run: of 64 MiB alive up to 32 MiB lie in logs whose garbage is not known before they are flushed; the bound is twice what is alive and 32 MiB',
}
