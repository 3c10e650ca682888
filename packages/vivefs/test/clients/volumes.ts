/** Volumes for clients: on memory-level, and on a database that does everything on the spot. */
import { ViveFS } from 'vivefs'
import { SyncDatabase } from '../sync-database.ts'

export const openMemory = (): Promise<ViveFS> => ViveFS.open('memory://')

/** For clients that list directories synchronously: no engine of today does that, the lsm engine will. */
export const openSynchronous = (): Promise<ViveFS> => ViveFS.open(new SyncDatabase())
