#!/usr/bin/env node
/**
 * Memory of a big import: many small files and one big one without holes, in less than 500 MB. The tree is made on disk
 * (default 300,000 files of about 1 KiB in 1,000 directories, and 8 GiB), imported by a process of its own, and removed.
 * Prints one JSON document; exit code 1 above the limit, when something is missing, or when the volume is not clean.
 *
 *     node tools/big-import.mjs [--files 300000] [--gib 8] [--limit-mb 500] [--dir DIR] [--skip-fsck]
 */
import { fork } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '300000' },
    gib: { type: 'string', default: '8' },
    'limit-mb': { type: 'string', default: '500' },
    dir: { type: 'string', default: tmpdir() },
    'skip-fsck': { type: 'boolean', default: false },
    // What it prints is JSON always.
    json: { type: 'boolean' },
    import: { type: 'string' },
    volume: { type: 'string' },
  },
})
const fileCount = Number(values.files)
const bigBytes = Math.round(Number(values.gib) * 1024 ** 3)
const limitBytes = Number(values['limit-mb']) * 1e6
const FILES_PER_DIRECTORY = 300
const PIECE_BYTES = 4 * 1024 * 1024

/** Fills a buffer with 32-bit words of a simple generator: does not compress, costs little. */
function fillNoise(buffer, seed) {
  const words = new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length >> 2)
  let word = seed >>> 0
  for (let i = 0; i < words.length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    words[i] = word
  }
}

function plant(directory) {
  const text = Buffer.alloc(2048, 'A line of a small file, as there are many in a source tree.\n')
  for (let i = 0; i < fileCount; i++) {
    const parent = join(directory, `d${Math.floor(i / FILES_PER_DIRECTORY)}`)
    if (i % FILES_PER_DIRECTORY === 0) mkdirSync(parent)
    writeFileSync(join(parent, `file-${i}.txt`), text.subarray(0, 64 + ((Math.imul(i, 2654435761) >>> 0) % 1900)))
  }
  const fd = openSync(join(directory, 'big.bin'), 'w')
  const piece = Buffer.alloc(PIECE_BYTES)
  for (let at = 0; at < bigBytes; at += piece.length) {
    fillNoise(piece, at / PIECE_BYTES + 1)
    writeSync(fd, piece, 0, Math.min(piece.length, bigBytes - at))
  }
  closeSync(fd)
}

/** In the child: imports and answers what it took. */
async function importHere() {
  const { ViveFS, importTree } = await import(new URL('../packages/vivefs/dist/index.js', import.meta.url).href)
  const vive = await ViveFS.open(values.volume)
  const report = await importTree(vive, values.import, '/')
  await vive.close()
  const peakRssBytes = process.resourceUsage().maxRSS * 1024
  const { files, directories, bytes, seconds, findingCount } = report
  process.send({ files, directories, bytes, seconds, findingCount, peakRssBytes })
}

/** In a child of its own, because a check has another bound on memory. */
async function checkHere() {
  const { ViveFS } = await import(new URL('../packages/vivefs/dist/index.js', import.meta.url).href)
  const vive = await ViveFS.open(values.volume, { readOnly: true, create: false })
  const { clean, seconds } = await vive.fsck()
  await vive.close()
  process.send({ clean, seconds, peakRssBytes: process.resourceUsage().maxRSS * 1024 })
}

function child(args) {
  return new Promise((resolve, reject) => {
    const running = fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    let answer
    running.on('message', (message) => {
      answer = message
    })
    running.on('error', reject)
    running.on('exit', (status) =>
      answer === undefined ? reject(new Error(`a child ended with ${status}`)) : resolve(answer),
    )
  })
}

if (values.import !== undefined) await importHere()
else if (values.volume !== undefined) await checkHere()
else {
  const place = mkdtempSync(join(values.dir, 'vivefs-big-'))
  try {
    const needed = (bigBytes + fileCount * 4096) * 2.2
    const { bavail, bsize } = statfsSync(place)
    if (bavail * bsize < needed)
      throw new Error(`${(needed / 1e9).toFixed(0)} GB of disk are needed in ${values.dir}; name another with --dir`)
    const tree = join(place, 'tree')
    const volume = join(place, 'volume')
    mkdirSync(tree)
    plant(tree)
    const imported = await child(['--import', tree, '--volume', volume])
    rmSync(tree, { recursive: true, force: true })
    const checked = values['skip-fsck'] ? undefined : await child(['--volume', volume])
    const isComplete = imported.files === fileCount + 1 && imported.findingCount === 0
    const ok = isComplete && imported.peakRssBytes <= limitBytes && checked?.clean !== false
    console.log(JSON.stringify({ what: 'big-import', ok, limitBytes, bigBytes, ...imported, fsck: checked }, null, 2))
    process.exitCode = ok ? 0 : 1
  } catch (error) {
    console.log(JSON.stringify({ what: 'big-import', ok: false, error: String(error) }))
    process.exitCode = 1
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}
