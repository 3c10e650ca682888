/** Locks through a mount are the volume's: its other users see them, and wait for them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench, obstacle, type Server, sh } from './server.ts'

const why = obstacle()

/** A Python process that does what it is told, a line for a line. */
class Program {
  readonly child
  readonly #lines: AsyncIterator<string>

  constructor(directory: string) {
    const code = `
import fcntl, os, signal, struct, sys
os.chdir('${directory}')
class Stop(Exception): pass
def stop(*_): raise Stop()
signal.signal(signal.SIGALRM, stop)
def getlk(fd, type, start, length):
    return struct.unpack('hhqqi4x', fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack('hhqqi4x', type, 0, start, length, 0)))
for line in sys.stdin:
    try: print(eval(line), flush=True)
    except OSError as error: print(error.errno, flush=True)
    except Stop: print('stopped', flush=True)`
    this.child = spawn('python3', ['-uc', code], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  /** What is told now is answered when it is done. */
  async tell(expression: string): Promise<string> {
    this.child.stdin.write(`${expression}\n`)
    return (await this.#lines.next()).value
  }

  async end(): Promise<void> {
    this.child.stdin.end()
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
  }
}

const soon = (promise: Promise<unknown>): Promise<unknown> =>
  Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 150, 'waits'))])

describe.skipIf(why !== undefined)(`locks${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const bench = new Bench()
  let server: Server
  let directory: string
  let one: Program
  let two: Program

  beforeAll(async () => {
    directory = bench.path('mnt')
    mkdirSync(directory)
    server = await bench.serve({ kind: 'calling', where: 'memory://', directory })
    await sh(`cd ${directory}; touch a b c d`)
    one = new Program(directory)
    two = new Program(directory)
    for (const program of [one, two]) {
      for (const name of ['a', 'b', 'c', 'd'])
        await program.tell(`globals().update(${name}=os.open('${name}', os.O_RDWR))`)
    }
  })
  afterAll(async () => {
    await one.end()
    await two.end()
    await server.stop()
    await bench.clean()
  })

  const lock = (path: string, method: 'lock' | 'unlock' | 'testLock' | 'flock' | 'close', ...args: unknown[]) =>
    server.tell({ order: 'lock', path, method, args })

  test('byte ranges: the volume and the mount stand in each other’s way, and see who it is', async () => {
    expect(await one.tell('fcntl.lockf(a, fcntl.LOCK_EX, 10, 5)')).toBe('None')
    const held = { kind: 'posix', type: 'write', start: 5, length: 10, owner: { pid: one.child.pid } }
    expect(await lock('/a', 'testLock')).toMatchObject(held)
    await expect(lock('/a', 'lock', { start: 14, length: 1 })).rejects.toMatchObject({ code: 'EAGAIN' })
    await lock('/a', 'lock', { start: 15, length: 5, type: 'read' })
    expect(await two.tell('fcntl.lockf(a, fcntl.LOCK_SH | fcntl.LOCK_NB, 5, 15)')).toBe('None')
    expect(await two.tell('fcntl.lockf(a, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 15)')).toBe('11')
    expect(await two.tell('getlk(a, fcntl.F_WRLCK, 0, 12)')).toBe(`(1, 0, 5, 10, ${one.child.pid})`)
    expect(await two.tell('getlk(a, fcntl.F_RDLCK, 15, 0)[0] == fcntl.F_UNLCK')).toBe('True')
    // To the end of the file and back.
    expect(await one.tell('fcntl.lockf(a, fcntl.LOCK_EX, 0, 100)')).toBe('None')
    expect(await lock('/a', 'testLock', { start: 50 })).toMatchObject({ start: 100, length: 0 })
    expect(await two.tell('fcntl.lockf(a, fcntl.LOCK_UN)')).toBe('None')
    // Any close of the file by the process lets go of all.
    expect(await one.tell(`os.close(os.open('a', os.O_RDONLY))`)).toBe('None')
    await lock('/a', 'lock')
    await lock('/a', 'close')
  })

  test('F_SETLKW waits for the volume, the volume for the mount', async () => {
    await lock('/b', 'lock')
    const waiting = one.tell('fcntl.lockf(b, fcntl.LOCK_EX)')
    expect(await soon(waiting)).toBe('waits')
    await lock('/b', 'unlock')
    expect(await waiting).toBe('None')
    const theirs = lock('/b', 'lock', { wait: true })
    expect(await soon(theirs)).toBe('waits')
    expect(await one.tell('fcntl.lockf(b, fcntl.LOCK_UN)')).toBe('None')
    await theirs
    await lock('/b', 'close')
  })

  test('a signal interrupts the wait: EINTR, and nothing is left behind', async () => {
    await lock('/b', 'lock')
    expect(await one.tell('signal.setitimer(signal.ITIMER_REAL, 0.2) and fcntl.lockf(b, fcntl.LOCK_EX)')).toBe(
      'stopped',
    )
    await lock('/b', 'unlock')
    expect(await lock('/b', 'testLock')).toBe(undefined)
    await lock('/b', 'close')
  })

  test('a process that is killed while it waits, or while it holds, leaves nothing', async () => {
    await lock('/b', 'lock')
    const third = new Program(directory)
    await third.tell(`globals().update(b=os.open('b', os.O_RDWR), c=os.open('c', os.O_RDWR))`)
    expect(await third.tell('fcntl.lockf(c, fcntl.LOCK_EX)')).toBe('None')
    expect(await third.tell('fcntl.flock(c, fcntl.LOCK_EX)')).toBe('None')
    void third.tell('fcntl.lockf(b, fcntl.LOCK_EX)')
    await expect(lock('/c', 'flock', 'shared')).rejects.toMatchObject({ code: 'EAGAIN' })
    third.child.kill('SIGKILL')
    await once(third.child, 'exit')
    await lock('/b', 'unlock')
    await lock('/b', 'lock', { wait: true, timeoutMs: 10_000 })
    await lock('/c', 'flock', 'exclusive', { wait: true, timeoutMs: 10_000 })
    await lock('/c', 'lock', { wait: true, timeoutMs: 10_000 })
    await lock('/b', 'close')
    await lock('/c', 'close')
  })

  test('two processes that would wait for each other: EDEADLK for the second', async () => {
    expect(await one.tell('fcntl.lockf(c, fcntl.LOCK_EX)')).toBe('None')
    expect(await two.tell('fcntl.lockf(d, fcntl.LOCK_EX)')).toBe('None')
    const waiting = one.tell('fcntl.lockf(d, fcntl.LOCK_EX)')
    expect(await soon(waiting)).toBe('waits')
    expect(await two.tell('fcntl.lockf(c, fcntl.LOCK_EX)')).toBe('35')
    expect(await two.tell('fcntl.lockf(d, fcntl.LOCK_UN)')).toBe('None')
    expect(await waiting).toBe('None')
    for (const name of ['c', 'd']) expect(await one.tell(`fcntl.lockf(${name}, fcntl.LOCK_UN)`)).toBe('None')
  })

  test('flock: of the open file, inherited by children, let go by its last close', async () => {
    expect(await one.tell('fcntl.flock(a, fcntl.LOCK_SH)')).toBe('None')
    await lock('/a', 'flock', 'shared')
    expect(await one.tell('fcntl.flock(a, fcntl.LOCK_EX | fcntl.LOCK_NB)')).toBe('11')
    // The conversion has let go of the shared one.
    await lock('/a', 'flock', 'exclusive')
    const waiting = one.tell('fcntl.flock(a, fcntl.LOCK_SH)')
    expect(await soon(waiting)).toBe('waits')
    await lock('/a', 'flock', 'unlock')
    expect(await waiting).toBe('None')
    expect(await one.tell('globals().update(copy=os.dup(a))')).toBe('None')
    expect(await one.tell('os.close(a)')).toBe('None')
    await expect(lock('/a', 'flock', 'exclusive')).rejects.toMatchObject({ code: 'EAGAIN' })
    expect(await one.tell('os.close(copy)')).toBe('None')
    await lock('/a', 'flock', 'exclusive', { wait: true, timeoutMs: 10_000 })
    await lock('/a', 'close')
  })

  test('a mount whose locks the kernel keeps: the volume does not see them', async () => {
    const own = bench.path('kernel')
    mkdirSync(own)
    const other = await bench.serve({
      kind: 'calling',
      where: 'memory://',
      directory: own,
      options: { locks: 'kernel' },
    })
    await sh(`touch ${own}/f`)
    const program = new Program(own)
    await program.tell(`globals().update(f=os.open('f', os.O_RDWR))`)
    expect(await program.tell('fcntl.lockf(f, fcntl.LOCK_EX)')).toBe('None')
    await other.tell({ order: 'lock', path: '/f', method: 'lock', args: [] })
    await other.tell({ order: 'lock', path: '/f', method: 'close', args: [] })
    await program.end()
    await other.stop()
  })
})
