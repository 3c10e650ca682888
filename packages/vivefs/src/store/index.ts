export { markerKey } from './key.ts'
export { LevelStore, openLevelStore } from './level-store.ts'
export type { LevelStoreOptions } from './options.ts'
export type {
  Bytes,
  Durability,
  KeepTx,
  KeyRange,
  Row,
  RowKeeper,
  SpaceGuard,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from './store.ts'
