export { markerKey } from './key.ts'
export { LevelStore, type LevelStoreOptions, openLevelStore } from './level-store.ts'
export type {
  Bytes,
  Durability,
  KeyRange,
  Row,
  SpaceGuard,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from './store.ts'
