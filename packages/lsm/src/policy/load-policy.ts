import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compareBytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { MediaPolicy, MediaPolicyReference } from './media-policy.ts'

function isPolicy(value: unknown): value is MediaPolicy {
  const { name, place, relocate } = (value ?? {}) as Partial<MediaPolicy>
  if (typeof name !== 'string' || name === '' || typeof place !== 'function') return false
  return relocate === undefined || typeof relocate === 'function'
}

/** Takes a policy, or imports it. LEVEL_ARGUMENT when there is none to be found, or its `partition` does not ascend. */
export async function loadPolicy(
  given: MediaPolicy | MediaPolicyReference | undefined,
): Promise<MediaPolicy | undefined> {
  if (given === undefined) return undefined
  return checked(isPolicy(given) ? given : await imported(given as MediaPolicyReference))
}

async function imported({ module, export: exported = 'default' }: MediaPolicyReference): Promise<MediaPolicy> {
  if (!(typeof module === 'string' || module instanceof URL) || typeof exported !== 'string')
    throw new LevelError('LEVEL_ARGUMENT', 'policy must be a policy (name, place) or { module, export }')
  const where = typeof module === 'string' && isAbsolute(module) ? pathToFileURL(module).href : String(module)
  let found: unknown
  try {
    found = ((await import(where)) as Record<string, unknown>)[exported]
    if (typeof found === 'function') found = found()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new LevelError('LEVEL_ARGUMENT', `the policy ${exported} of ${where} cannot be had: ${why}`, error)
  }
  if (!isPolicy(found))
    throw new LevelError('LEVEL_ARGUMENT', `${exported} of ${where} is no policy: it needs a name and place()`)
  return found
}

function checked(policy: MediaPolicy): MediaPolicy {
  const keys = policy.partition ?? []
  const ascend = keys.every((key, i) => {
    return key instanceof Uint8Array && key.length > 0 && (i === 0 || compareBytes(keys[i - 1]!, key) < 0)
  })
  if (ascend) return policy
  throw new LevelError('LEVEL_ARGUMENT', `the partition of the policy ${policy.name} must be keys in ascending order`)
}
