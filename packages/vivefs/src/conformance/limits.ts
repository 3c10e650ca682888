/** Limits that a test sets, gone with the test. */
import type { Area } from './area.ts'
import type { QuotaLimits, QuotaUse } from './extras.ts'

export type QuotaKind = 'user' | 'group' | 'project'

const NONE: Required<QuotaLimits> = { bytesSoft: 0, bytesHard: 0, inodesSoft: 0, inodesHard: 0 }

export async function limit(area: Area, kind: QuotaKind, id: number, limits: QuotaLimits): Promise<void> {
  const { setQuota } = area.extras()
  area.afterwards(() => area.extras().setQuota(kind, id, NONE))
  await setQuota(kind, id, limits)
}

/** Use is known when something has a limit: this is one that nobody meets. */
export async function followUse(area: Area, kind: QuotaKind, id: number): Promise<void> {
  await limit(area, kind, id, { inodesSoft: 1_000_000_000 })
}

export const useOf = (area: Area, kind: QuotaKind, id: number): Promise<QuotaUse> => area.extras().quotaUse(kind, id)

/** Limits an owner to what he uses already, and `more`. */
export async function limitToUse(
  area: Area,
  kind: QuotaKind,
  id: number,
  { bytes, inodes }: { readonly bytes?: number; readonly inodes?: number },
): Promise<void> {
  await followUse(area, kind, id)
  const used = await useOf(area, kind, id)
  await limit(area, kind, id, {
    ...(bytes === undefined ? {} : { bytesHard: used.bytes + bytes }),
    ...(inodes === undefined ? {} : { inodesHard: used.inodes + inodes }),
  })
}
