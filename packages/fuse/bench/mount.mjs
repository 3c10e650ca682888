#!/usr/bin/env node
/**
 * Rates of a mount beside ext4 and beside a server that answers with nothing behind the same codec, caches of names and attributes off,
 * rounds interleaved, medians: `node packages/fuse/bench/mount.mjs [ROUNDS [FILES [MIB]]]`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../test/bundle.mjs'

const [rounds = 3, files = 1000, mib = 64] = process.argv.slice(2).map(Number)
const bundled = await bundle('../bench/server.ts', '../bench/client.ts')
const base = mkdtempSync(join(tmpdir(), 'vivefs-bench-mount-'))

/** CPU seconds of a process so far. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function client(directory) {
  const child = spawn(process.execPath, [bundled.program('client'), directory, files, mib], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (piece) => {
    text += piece
  })
  await new Promise((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`the client ended with ${code}`))))
  })
  return JSON.parse(text)
}

async function onMount(kind, where) {
  const directory = join(base, 'mnt')
  mkdirSync(directory, { recursive: true })
  const server = spawn(process.execPath, [bundled.program('server'), kind, where, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  try {
    await new Promise((resolve, reject) => {
      server.stdout.once('data', resolve)
      server.once('exit', () => reject(new Error('the server ended')))
    })
    const before = cpuOf(server.pid)
    const rates = await client(directory)
    return { ...rates, 'server CPU s': cpuOf(server.pid) - before }
  } finally {
    execFileSync('umount', ['-l', directory])
    await ended
  }
}

const routes = {
  ext4: () => {
    const directory = join(base, 'host')
    mkdirSync(directory, { recursive: true })
    return client(directory)
  },
  nothing: () => onMount('null', 'memory://'),
  memory: () => onMount('vive', 'memory://'),
  lsm: (round) => onMount('vive', join(base, `volume${round}`)),
}

const seen = Object.fromEntries(Object.keys(routes).map((name) => [name, []]))
try {
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(routes)) seen[name].push(await run(round))
  }
} finally {
  rmSync(base, { recursive: true, force: true })
  bundled.remove()
}

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]
const columns = [
  'create',
  'stat',
  'stat of nothing',
  'open+read+close',
  'unlink',
  'write MiB',
  'read MiB',
  'server CPU s',
]
console.log(`| per second | ${columns.join(' | ')} |\n| --- |${columns.map(() => ' ---: |').join('')}`)
for (const [name, runs] of Object.entries(seen)) {
  const cells = columns.map((column) => {
    const value = median(runs.map((each) => each[column] ?? Number.NaN))
    return Number.isNaN(value) ? '' : value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US')
  })
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
