/** Trees between the host and a volume: import, export, verify. */
export { exportTree } from './export.ts'
export { importTree } from './import.ts'
export type {
  EntryAttributes,
  ExportOptions,
  ImportOptions,
  TransferFinding,
  TransferOptions,
  TransferPhase,
  TransferProgress,
  TransferReport,
  VerifyOptions,
} from './types.ts'
export { verifyTree } from './verify.ts'
