/**
 * One logic, two drivers, as in the filesystem itself. A logic is a generator; it yields operations of the inner face (`vivefs/fsal`), calls
 * `[fs, name, ...arguments]` of a filesystem shaped like node:fs, or promises, and is resumed with what they answer.
 */
import { setImmediate } from 'node:timers/promises'
import { runAsync, runSync } from 'vivefs/fsal'

/** Others get their turn this often. */
const SLICE_MS = 10

async function answerTo(step) {
  if (!Array.isArray(step)) return step instanceof Promise ? await step : await runAsync(step)
  const [fs, name, ...args] = step
  return await fs.promises[name](...args)
}

function answerAtOnce(step) {
  if (step instanceof Promise)
    throw Object.assign(new Error('EBUSY: an asynchronous call is bringing it'), { code: 'EBUSY' })
  if (!Array.isArray(step)) return runSync(step)
  const [fs, name, ...args] = step
  return fs[`${name}Sync`](...args)
}

export async function drive(logic) {
  let sliceMs = performance.now()
  for (let turn = logic.next(); ; ) {
    if (turn.done) return turn.value
    if (performance.now() - sliceMs > SLICE_MS) {
      await setImmediate()
      sliceMs = performance.now()
    }
    let answer
    try {
      answer = await answerTo(turn.value)
    } catch (error) {
      turn = logic.throw(error)
      continue
    }
    turn = logic.next(answer)
  }
}

export function driveSync(logic) {
  for (let turn = logic.next(); ; ) {
    if (turn.done) return turn.value
    let answer
    try {
      answer = answerAtOnce(turn.value)
    } catch (error) {
      turn = logic.throw(error)
      continue
    }
    turn = logic.next(answer)
  }
}
