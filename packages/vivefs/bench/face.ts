/** CPU time of one call of the node:fs face on a volume in memory, beside node:fs in the temporary directory. */
import nodeFs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ViveFS } from '../src/index.ts'

type Fs = Pick<typeof nodeFs, 'statSync' | 'existsSync' | 'promises'> & typeof nodeFs

const vive = await ViveFS.open('memory://', { durability: 'relaxed', memoryBytes: 256 << 20 })
const temporary = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'vivefs-bench-'))
const data = Buffer.alloc(1024, 7)
const into = Buffer.alloc(1024)
let made = 0

interface Cases {
  readonly atOnce: Readonly<Record<string, () => unknown>>
  readonly promised: Readonly<Record<string, () => Promise<unknown>>>
}

function casesOf(fs: Fs, root: string): Cases {
  const dir = `${root}/dir`
  fs.mkdirSync(dir)
  fs.mkdirSync(`${root}/new`)
  for (let i = 0; i < 100; i++) fs.writeFileSync(`${dir}/f${i}`, data)
  const fd = fs.openSync(`${dir}/f0`, 'r+')
  const { promises } = fs
  return {
    atOnce: {
      stat: () => fs.statSync(`${dir}/f1`),
      'stat of nothing': () => fs.statSync(`${dir}/none`, { throwIfNoEntry: false }),
      fstat: () => fs.fstatSync(fd),
      'readFile 1 KiB': () => fs.readFileSync(`${dir}/f1`),
      'open, read 1 KiB, close': () => {
        const own = fs.openSync(`${dir}/f1`, 'r')
        fs.readSync(own, into, 0, 1024, 0)
        fs.closeSync(own)
      },
      'read 1 KiB': () => fs.readSync(fd, into, 0, 1024, 0),
      'overwrite 1 KiB': () => fs.writeSync(fd, data, 0, 1024, 0),
      'create 1 KiB': () => fs.writeFileSync(`${root}/new/${made++}`, data),
    },
    promised: {
      stat: () => promises.stat(`${dir}/f1`),
      'readFile 1 KiB': () => promises.readFile(`${dir}/f1`),
      'create 1 KiB': () => promises.writeFile(`${root}/new/${made++}`, data),
      'readdir of 100': () => promises.readdir(dir, { withFileTypes: true }),
      'open, close': async () => (await promises.open(`${dir}/f1`)).close(),
    },
  }
}

const COUNT = 2000
const ROUNDS = 5
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]

async function micros(run: () => unknown, isPromised: boolean): Promise<number> {
  const before = process.cpuUsage()
  if (isPromised) for (let i = 0; i < COUNT; i++) await run()
  else for (let i = 0; i < COUNT; i++) run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / COUNT
}

const sides = [casesOf(vive.fs as unknown as Fs, ''), casesOf(nodeFs, temporary)]
console.log('us of CPU per call'.padEnd(36), 'vivefs'.padStart(8), 'node:fs'.padStart(8))
for (const form of ['atOnce', 'promised'] as const) {
  for (const name of Object.keys(sides[0][form])) {
    const spent: number[][] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, side] of sides.entries()) {
        spent[index].push(await micros(side[form][name], form === 'promised'))
        // What is on its way to the store lands outside of the measurement.
        await vive.sync()
      }
    }
    const [ours, theirs] = spent.map(median)
    const label = `${form === 'atOnce' ? 'sync' : 'promises'} ${name}`
    console.log(label.padEnd(36), ours.toFixed(1).padStart(8), theirs.toFixed(1).padStart(8))
  }
}
await vive.close()
nodeFs.rmSync(temporary, { recursive: true })
