/** `vivefs/conformance`: a conformance suite for filesystems with the shape of node:fs. See docs/conformance.md. */
export type {
  NodeKind,
  QuotaLimits,
  QuotaUse,
  SuiteExtras,
  SuiteHeldLock,
  SuiteLocker,
  SuiteLockRange,
  SuiteLockRequest,
  XattrTarget,
} from './extras.ts'
export { type Person, people } from './people.ts'
export {
  type DifferenceSeen,
  describeReport,
  type LeftOut,
  type OperationCoverage,
  type SuiteReport,
} from './report.ts'
export { filesystemSuite, type SuiteOptions } from './suite.ts'
export {
  allCapabilities,
  type Capabilities,
  type Capability,
  type Credentials,
  type DescriptorFunction,
  descriptorFunctions,
  type SuiteDir,
  type SuiteDirent,
  type SuiteFs,
  type SuiteHandle,
  type SuitePromises,
  type SuiteVolume,
} from './target.ts'
