/** Time of one call of the node:fs face on a volume in memory: `npm run bench:face`. */
import { ViveFS } from '../src/index.ts'

const vive = await ViveFS.open('memory://', { durability: 'relaxed', memoryBytes: 256 << 20 })
const { fs } = vive
const data = Buffer.alloc(1024, 7)
fs.mkdirSync('/dir/inner', { recursive: true })
fs.writeFileSync('/dir/inner/file', data)
for (let i = 0; i < 100; i++) fs.writeFileSync(`/dir/f${i}`, data)
const fd = fs.openSync('/dir/inner/file', 'r+')
const into = Buffer.alloc(1024)
let made = 0

const atOnce: Record<string, () => void> = {
  'stat /dir/f1': () => fs.statSync('/dir/f1'),
  'stat, three names': () => fs.statSync('/dir/inner/file'),
  'stat of nothing': () => fs.statSync('/dir/none', { throwIfNoEntry: false }),
  fstat: () => fs.fstatSync(fd),
  exists: () => fs.existsSync('/dir/f1'),
  'readFile 1 KiB': () => fs.readFileSync('/dir/f1'),
  'open + read + close 1 KiB': () => {
    const own = fs.openSync('/dir/f1', 'r')
    fs.readSync(own, into, 0, 1024, 0)
    fs.closeSync(own)
  },
  'read 1 KiB by descriptor': () => fs.readSync(fd, into, 0, 1024, 0),
  'overwrite 1 KiB by descriptor': () => fs.writeSync(fd, data, 0, 1024, 0),
  'create 1 KiB': () => fs.writeFileSync(`/dir/inner/n${made++}`, data),
  'rewrite 1 KiB': () => fs.writeFileSync('/dir/f2', data),
}
const promised: Record<string, () => Promise<unknown>> = {
  stat: () => fs.promises.stat('/dir/f1'),
  'readFile 1 KiB': () => fs.promises.readFile('/dir/f1'),
  'create 1 KiB': () => fs.promises.writeFile(`/dir/inner/n${made++}`, data),
  'readdir of 100': () => fs.promises.readdir('/dir', { withFileTypes: true }),
  'open + close': async () => (await fs.promises.open('/dir/f1')).close(),
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]
const ROUNDS = 7

async function time(run: (count: number) => void | Promise<void>, count: number): Promise<number> {
  const micros: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    await run(count)
    const { user, system } = process.cpuUsage(before)
    micros.push((user + system) / count)
    // What is on its way to the store lands outside of the measurement.
    await vive.sync()
  }
  return median(micros)
}

for (const [name, call] of Object.entries(atOnce)) {
  const spent = await time((count) => {
    for (let i = 0; i < count; i++) call()
  }, 2000)
  console.log(`sync      ${name.padEnd(32)} ${spent.toFixed(1).padStart(7)} us of CPU`)
}
for (const [name, call] of Object.entries(promised)) {
  const spent = await time(async (count) => {
    for (let i = 0; i < count; i++) await call()
  }, 2000)
  console.log(`promises  ${name.padEnd(32)} ${spent.toFixed(1).padStart(7)} us of CPU`)
}
fs.closeSync(fd)
await vive.close()
