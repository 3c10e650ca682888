/** Whose use is limited. In keys by its number: never renumber. */
export const QuotaKinds = { user: 0, group: 1, project: 2 } as const
export type QuotaKind = keyof typeof QuotaKinds
