/** One owner, others through a port (`vivefs/port`): volumes over worker threads. */
export { connectPort, type PortFileSystem, PortVolume } from './client.ts'
export type { Port } from './messages.ts'
export { openInWorker, type WorkerOptions } from './open.ts'
export { type ServeOptions, servePort } from './owner.ts'
export type { PortForks, PortSnapshots, PortTree } from './tree-client.ts'
