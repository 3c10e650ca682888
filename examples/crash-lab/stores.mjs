/** Two stores for the letter, on a medium whose power can go. */
import { LsmLevel } from '@vivefs/lsm'
import { ViveFS } from 'vivefs'

const PLACES = 2

/** A volume. The new text goes into a file beside, and takes the name of the old one. */
export async function openVolume(media) {
  const level = new LsmLevel('crash-lab', { media, worker: false, keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  const vive = await ViveFS.open(level)
  const fs = vive.fs.promises
  return {
    async save(text) {
      await fs.writeFile('/letter.new', text)
      await fs.rename('/letter.new', '/letter')
    },
    sync: () => vive.sync(),
    async look() {
      const { findings } = await vive.fsck()
      if (findings.length > 0) return 'damaged'
      return await fs.readFile('/letter', 'utf8').catch((error) => {
        if (error.code !== 'ENOENT') throw error
      })
    },
    async close() {
      await vive.close().catch(() => {})
      await level.close().catch(() => {})
    },
  }
}

/**
 * What careful programs without a filesystem do: places that are overwritten in turns, each text with its number and its length before it,
 * so that one cut short shows. It flushes where it promises. It has no checksums.
 */
export async function openNaive({ main: medium }) {
  const reports = await medium.report()
  let turn = 0
  return {
    async save(text) {
      const zone = turn++ % PLACES
      await medium.reset(zone)
      await medium.append(zone, [Buffer.from(`${String(turn).padStart(8)}${String(text.length).padStart(8)}`)])
      // As a program writes a long text: piece by piece.
      for (let at = 0; at < text.length; at += 1024) await medium.append(zone, [Buffer.from(text.slice(at, at + 1024))])
    },
    sync: () => medium.flush(),
    async look() {
      let newest = { turn: 0, text: undefined }
      for (const { zone, pointer } of reports) {
        if (pointer < 16) continue
        const bytes = Buffer.alloc(pointer)
        await medium.read(zone, 0, bytes)
        const found = { turn: Number(bytes.toString('latin1', 0, 8)), text: bytes.toString('utf8', 16) }
        const isWhole = found.text.length === Number(bytes.toString('latin1', 8, 16))
        if (isWhole && found.turn > newest.turn) newest = found
      }
      return newest.text
    },
    async close() {},
  }
}
