#!/usr/bin/env node
/**
 * `npm run test:million`: a million files of 1 KiB in one volume on lsm: created, listed, stat-ed and, after a clean close,
 * opened again, each in a process of its own that reports its greatest resident set. Exit code 1 when a step needs more
 * than 600 MB, opening takes a second or more, or something is missing.
 *
 *     --files N      default 1000000
 *     --dir FOLDER   where the volume is made, default the temporary folder; it is removed in the end
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { root } from './steps.mjs'

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '1000000' },
    dir: { type: 'string', default: tmpdir() },
    step: { type: 'string' },
    bundle: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(
    'Usage: node tools/million.mjs [--files N] [--dir FOLDER]\n\nExample: npm run test:million -- --files 100000',
  )
  process.exit(0)
}
const files = Number(options.files)
const RSS_MB_MAX = 600
const OPEN_MS_MAX = 1000
const PER_DIRECTORY = 1000
const FILE_BYTES = 1024
const directories = Math.ceil(files / PER_DIRECTORY)
const nameOf = (n) => `/d${Math.floor(n / PER_DIRECTORY)}/f${n}`

/** Every file's content names it. */
function contentOf(n) {
  const content = Buffer.alloc(FILE_BYTES, 0x2e)
  content.write(`file ${n}`)
  return content
}

const steps = {
  create({ fs }) {
    for (let n = 0; n < files; n++) {
      if (n % PER_DIRECTORY === 0) fs.mkdirSync(`/d${n / PER_DIRECTORY}`)
      fs.writeFileSync(nameOf(n), contentOf(n))
    }
    return files
  },
  list({ fs }) {
    let seen = 0
    for (let d = 0; d < directories; d++) seen += fs.readdirSync(`/d${d}`).length
    return seen
  },
  stat({ fs }) {
    let seen = 0
    for (let n = 0; n < files; n++) if (fs.statSync(nameOf(n)).size === FILE_BYTES) seen++
    return seen
  },
  /** Only opens, and reads a thousand files here and there. */
  reopen({ fs }) {
    const stride = Math.max(1, Math.floor(files / 1000))
    for (let n = 0; n < files; n += stride) {
      if (!fs.readFileSync(nameOf(n)).equals(contentOf(n))) throw new Error(`${nameOf(n)} has another content`)
    }
    return files
  },
}

/** One step, in this process; prints what it took. */
async function run(step, folder, bundle) {
  const { ViveFS } = await import(pathToFileURL(bundle).href)
  const begin = performance.now()
  const vive = await ViveFS.open(`lsm:${folder}`)
  const openMs = performance.now() - begin
  const cpu = process.cpuUsage()
  const start = performance.now()
  const seen = steps[step](vive)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  await vive.close()
  const rssMb = (process.resourceUsage().maxRSS * 1024) / 1e6
  const figures = { step, seen, openMs, seconds, cpuUs: (user + system) / files, rssMb }
  process.stdout.write(`\n${JSON.stringify(figures)}\n`)
}

async function all() {
  const folder = mkdtempSync(join(options.dir, 'vivefs-million-'))
  const out = join(root, 'packages/vivefs/dist/million')
  await build({
    entryPoints: {
      vivefs: join(root, 'packages/vivefs/src/index.ts'),
      worker: join(root, 'packages/lsm/src/worker/index.ts'),
    },
    outdir: out,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    tsconfig: join(root, 'tsconfig.json'),
    external: ['abstract-level', 'classic-level', 'level', 'memory-level', 'msgpackr'],
    logLevel: 'error',
  })
  const results = []
  let failures = 0
  try {
    for (const step of Object.keys(steps)) {
      const own = [fileURLToPath(import.meta.url), '--step', step, '--files', String(files), '--dir', join(folder, 'v')]
      const { status, stdout } = spawnSync(process.execPath, [...own, '--bundle', join(out, 'vivefs.js')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      if (status !== 0) throw new Error(`${step} ended with ${status}`)
      const result = JSON.parse(stdout.trim().split('\n').at(-1))
      results.push(result)
      const faults = []
      if (result.seen !== files) faults.push(`${result.seen} of ${files} files`)
      if (result.rssMb > RSS_MB_MAX) faults.push(`more than ${RSS_MB_MAX} MB`)
      // The first step makes the volume.
      if (step !== 'create' && result.openMs >= OPEN_MS_MAX) faults.push(`opening took ${OPEN_MS_MAX} ms or more`)
      failures += faults.length
      console.log(
        `${step.padEnd(7)} open ${result.openMs.toFixed(0)} ms, ${result.seconds.toFixed(1)} s, ${result.cpuUs.toFixed(1)} us of CPU a file, ${result.rssMb.toFixed(0)} MB resident at most${faults.length === 0 ? '' : `: ${faults.join(', ')}`}`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const evidence = join(root, 'evidence')
  mkdirSync(evidence, { recursive: true })
  const about = { date: new Date().toISOString(), node: process.version, files, fileBytes: FILE_BYTES }
  writeFileSync(join(evidence, 'million.json'), `${JSON.stringify({ about, results }, null, 2)}\n`)
  console.log(failures === 0 ? 'everything holds' : `${failures} bounds do not hold`)
  return failures === 0 ? 0 : 1
}

if (options.step !== undefined) await run(options.step, options.dir, options.bundle)
else process.exit(await all())
