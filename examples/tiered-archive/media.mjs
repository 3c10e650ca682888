/**
 * The media of the archive, from a file that describes them: `{ "media": { name: spec }, "home": [name] }`, as `vivelsm --media` reads it. Where there is
 * none, one is made for a directory and two simulated devices; write the specs of real ones into it, and the archive lies there.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openMedium } from '@vivefs/media'

const simulated = (folder) => ({
  home: ['ssd'],
  media: {
    ssd: { kind: 'directory', path: join(folder, 'ssd') },
    smr: { kind: 'smr', path: join(folder, 'smr.img'), zoneCount: 48 },
    tape: { kind: 'tape', path: join(folder, 'tape.img') },
  },
})

/** Opens the media named in `folder/media.json`; answers them by name, with the names of those that keep the table of files. */
export async function openMedia(folder) {
  const file = join(folder, 'media.json')
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, JSON.stringify(simulated(folder), null, 2))
  }
  const { media: specs, home } = JSON.parse(readFileSync(file, 'utf8'))
  const media = {}
  try {
    for (const [name, spec] of Object.entries(specs)) media[name] = await openMedium(spec)
  } catch (error) {
    await closeMedia(media)
    throw error
  }
  return { media, home }
}

export async function closeMedia(media) {
  for (const medium of Object.values(media)) await medium.close()
}
