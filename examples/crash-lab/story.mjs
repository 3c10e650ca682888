/**
 * The story that is cut: a letter is written again and again, each time a new text takes the place of the old one; every third text is
 * promised to be safe. Text number n is the line `text n` many times, so that a mixture shows.
 */
export const TEXTS = 12
export const isPromised = (number) => number % 3 === 0

const textOf = (number) => `text ${number}\n`.repeat(400)

/** Writes the story into a store; answers how far it came before the power went. */
export async function tell(store) {
  const reached = { begun: 0, promised: 0 }
  try {
    for (let number = 1; number <= TEXTS; number++) {
      reached.begun = number
      await store.save(textOf(number))
      if (!isPromised(number)) continue
      await store.sync()
      reached.promised = number
    }
  } catch {
    // The power is gone: what follows is of no interest, and the store is not closed.
  }
  return reached
}

/**
 * What was found afterwards: the number of a whole text that was allowed to survive, or a word for what is wrong. `undefined`: nothing
 * was found.
 */
export function judge(found, { begun, promised }) {
  if (found === undefined) return promised === 0 ? 'nothing yet' : 'LOST'
  const number = Number(/^text (\d+)\n/.exec(found)?.[1] ?? Number.NaN)
  if (Number.isNaN(number) || found !== textOf(number)) return 'MIXED'
  if (number < promised) return 'LOST'
  return number > begun ? 'MIXED' : `text ${number}`
}
