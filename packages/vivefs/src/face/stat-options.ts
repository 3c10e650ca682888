/** What the running Node makes of odd options of stat, lstat and fstat, in the forms that differ. */
import type { Op } from '../op.ts'
import { assertObject, nodeMajor } from './arguments.ts'
import * as attributes from './attributes.ts'
import type { Face } from './context.ts'

type Stat<Of> = (face: Face, of: Of, options?: attributes.BigOption | null) => Op<unknown>

/** With a callback null is no options, for stat since Node 24 and for the others since 26. */
function orNull<Of>(stat: Stat<Of>, since: number): Stat<Of> {
  if (nodeMajor < since) return stat
  return (face, of, options) => stat(face, of, options ?? undefined)
}

/** With promises Node checks them since 26. */
function orRefused<Of>(stat: Stat<Of>): Stat<Of> {
  if (nodeMajor < 26) return stat
  return (face, of, options) => {
    if (options !== undefined) assertObject(options, 'options')
    return stat(face, of, options)
  }
}

export const withCallback = {
  stat: orNull(attributes.stat, 24),
  lstat: orNull(attributes.lstat, 26),
  fstat: orNull(attributes.fstat, 26),
}

export const withPromise = {
  stat: orRefused(attributes.stat),
  lstat: orRefused(attributes.lstat),
  fstat: orRefused(attributes.fstat),
}
