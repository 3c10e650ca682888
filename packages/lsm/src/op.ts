/** Operations are those of pfaof: generators that yield only what is pending, driven by `runSync` or `runAsync`. */
export { type Op, pending, runAsync, runSync, SyncUnavailableError, Wait, wait } from '@vivefs/pfaof'
