/** Cuts the power at one operation of a store on a medium, and looks at what is left. */
import { openFault, openMemory } from '@vivefs/media'
import { judge, tell } from './story.mjs'

const SHAPE = { zoneBytes: 1 << 20, zoneCount: 64, durability: 'flush' }

/** What the cut leaves of what was not flushed: nothing, some of it in the order of writing, or some of it in any order. */
export const KINDS = {
  nothing: { keep: 0, order: 'in-order' },
  some: { keep: 0.5, order: 'in-order' },
  'any order': { keep: 0.5, order: 'reordered' },
}

/** One life: the power goes at change number `cutAt` of the medium. Answers what was seen; `isOver`: the story ended before. */
export async function live(open, cutAt, kind) {
  const rules = [{ on: 'write', nth: cutAt, effect: { kind: 'power-cut' } }]
  const medium = openFault(openMemory(SHAPE), { seed: cutAt, rules })
  let store
  let reached = { begun: 0, promised: 0 }
  try {
    store = await open({ main: medium })
    reached = await tell(store)
  } catch (error) {
    // The power went while the store was made.
    if (!medium.powerCut) throw error
  }
  const isOver = !medium.powerCut
  const left = await medium.crashImage({ ...KINDS[kind], seed: cutAt })
  await store?.close()
  await medium.close().catch(() => {})
  return { isOver, reached, seen: await lookAt(open, left, reached) }
}

async function lookAt(open, medium, reached) {
  try {
    const store = await open({ main: medium })
    const found = await store.look()
    await store.close()
    return judge(found, reached)
  } catch (error) {
    return `UNREADABLE: ${error.message}`
  } finally {
    await medium.close()
  }
}
