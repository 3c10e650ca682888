import type { MediaPolicy, Placement } from './media-policy.ts'

/**
 * Everything on one medium, built as the database's options say.
 *
 * @example
 * new LsmLevel('data', { media: { ssd }, policy: single('ssd') })
 */
export function single(medium: string): MediaPolicy {
  const placement: Placement = { media: [medium] }
  return { name: `single(${medium})`, place: () => placement }
}
