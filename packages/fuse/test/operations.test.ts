/** What programs do with a mount beyond the names and modes that the conformance suite covers. */
import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench, obstacle, run, type Server, sh } from './server.ts'

const why = obstacle()

describe.skipIf(why !== undefined)(`programs on a mount${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const bench = new Bench()
  let server: Server
  let directory: string

  beforeAll(async () => {
    directory = bench.path('mnt')
    mkdirSync(directory)
    // So long that only a notice makes the kernel look again.
    const options = { entrySeconds: 3600, attributeSeconds: 3600, suid: true }
    server = await bench.serve({ kind: 'calling', where: 'memory://', directory, options })
  })
  afterAll(async () => {
    expect(await server.tell({ order: 'fsck' })).toEqual([])
    await server.stop()
    await bench.clean()
  })

  const python = async (code: string): Promise<string> => {
    const { status, stdout, stderr } = await run('python3', ['-c', `import os\nos.chdir('${directory}')\n${code}`])
    if (status !== 0) throw new Error(stderr)
    return stdout.trimEnd()
  }

  test('mmap, shared: what is stored through memory is in the file', async () => {
    const code = `
import mmap
open('m', 'wb').write(b'.' * 20000)
f = open('m', 'r+b'); m = mmap.mmap(f.fileno(), 0)
m[5000:5005] = b'hello'; m.flush()
print(open('m', 'rb').read()[4999:5006])
m[12000:12005] = b'again'; m.close(); f.close()`
    expect(await python(code)).toBe("b'.hello.'")
    const there = (await server.tell({ order: 'fs', method: 'readFile', args: ['/m', 'latin1'] })) as string
    expect(there.slice(4999, 5006)).toBe('.hello.')
    expect(there.slice(11999, 12006)).toBe('.again.')
    expect(there.length).toBe(20000)
  })

  test('mmap, private: what is stored stays with the process', async () => {
    const code = `
import mmap
open('p', 'wb').write(b'.' * 5000)
f = open('p', 'r+b'); m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
m[0:5] = b'hello'; print(bytes(m[0:6])); m.close()
print(open('p', 'rb').read(6))`
    expect(await python(code)).toBe("b'hello.'\nb'......'")
  })

  test('pages of a mapped file go where they were, though the file is open to append as well', async () => {
    const code = `
import mmap
open('q', 'wb').write(b'.' * 8192)
a = os.open('q', os.O_RDWR | os.O_APPEND)
f = os.open('q', os.O_RDWR | os.O_APPEND); m = mmap.mmap(f, 0)
m[0:5] = b'hello'; m.flush()
print(os.stat('q').st_size, open('q', 'rb').read(6))`
    expect(await python(code)).toBe("8192 b'hello.'")
  })

  test('O_APPEND from several processes: no line is lost or torn', async () => {
    const lines40 = `i=0; while [ $i -lt 100 ]; do echo ${'$n'.repeat(40)} >> log; i=$((i+1)); done`
    await sh(`cd ${directory}; for n in a b c d; do (${lines40}) & done; wait`)
    const text = (await server.tell({ order: 'fs', method: 'readFile', args: ['/log', 'latin1'] })) as string
    const lines = text.trimEnd().split('\n')
    expect(lines).toHaveLength(400)
    expect(lines.every((one) => /^(a{40}|b{40}|c{40}|d{40})$/.test(one))).toBe(true)
  })

  test('direct I/O', async () => {
    await sh(`cd ${directory}; dd if=/dev/urandom of=/dev/shm/$$ bs=1M count=3 status=none
      dd if=/dev/shm/$$ of=direct bs=1M oflag=direct status=none; dd if=direct bs=512k iflag=direct status=none | cmp - /dev/shm/$$
      rm /dev/shm/$$`)
  })

  test('programs run from it, scripts too; without the right to read as well', async () => {
    const out =
      await sh(`cd ${directory}; cp /bin/true t; ./t && echo ran; printf '#!/bin/sh\\necho script\\n' > s; chmod 755 s; ./s
      cp /bin/echo e; chmod 711 e; chown 0:0 e; setpriv --reuid 1234 --clear-groups ./e unread
      (./t & wait); echo more >> s; if [ -x t ]; then echo yes; fi`)
    expect(out.split('\n')).toEqual(['ran', 'script', 'unread', 'yes'])
  })

  test('who changes a program takes its powers: set-id bits and capabilities', async () => {
    const out = await sh(`cd ${directory}
      for how in 'echo x >> k' 'truncate -s 5 k' 'chown 7:7 k' ': > k' 'chmod 755 k'; do
        rm -f k; cp /bin/true k; chmod 4755 k; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 k
        chmod 4777 k; eval "$how"; getfattr -n security.capability k > /dev/null 2>&1 && echo kept || echo gone
      done
      cp /bin/true s2; chown 1234:1234 s2; chmod 4755 s2; setpriv --reuid 1234 --clear-groups sh -c "echo x >> s2"; stat -c %a s2`)
    expect(out.split('\n')).toEqual(['gone', 'gone', 'gone', 'gone', 'kept', '755'])
  })

  test('a running program cannot be written: ETXTBSY', async () => {
    const { stderr } = await run('sh', ['-c', `cd ${directory}; cp /bin/sleep z; ./z 1 & sleep .3; echo >> z`])
    expect(stderr).toMatch(/Text file busy/)
  })

  test('fallocate: allocate, keep size, punch, zero; what there is not says so', async () => {
    const out = await sh(`cd ${directory}; dd if=/dev/urandom of=fa bs=64k count=4 status=none
      fallocate -l 512k fa; stat -c %s fa; fallocate -n -l 1M fa; stat -c %s fa
      fallocate -p -o 64k -l 128k fa; stat -c %s fa; fallocate -z -o 0 -l 64k fa
      head -c 196608 fa | tr -d '\\0' | wc -c`)
    expect(out.split('\n')).toEqual(['524288', '524288', '524288', '0'])
    const { stderr } = await run('fallocate', ['-c', '-l', '4096', `${directory}/fa`])
    expect(stderr).toMatch(/not supported/)
  })

  test('beyond where files end: EFBIG for every change, nothing to read; a file made long goes at once', async () => {
    const code = `
f = os.open('far', os.O_RDWR | os.O_CREAT)
def told(what):
    try: return what()
    except OSError as error: return error.strerror
for at in (2**53, 2**60, 2**63 - 10):
    print(told(lambda: os.pwrite(f, b'x', at)), told(lambda: os.ftruncate(f, at)), told(lambda: os.posix_fallocate(f, at, 1)), sep=', ')
    print(told(lambda: os.pread(f, 5, at)), told(lambda: os.lseek(f, at, os.SEEK_DATA)), sep=', ')
d = os.open('far', os.O_RDONLY | os.O_DIRECT)
print(told(lambda: os.pread(d, 5, 2**60)))
os.ftruncate(f, 2**52); print(os.stat('far').st_size == 2**52); os.unlink('far'); os.close(d); os.close(f); os.statvfs('.')`
    const far = Array.from({ length: 3 }, () => [
      'File too large, File too large, File too large',
      "b'', No such device or address",
    ])
    expect((await python(code)).split('\n')).toEqual([...far.flat(), "b''", 'True'])
  })

  test('holes are found, and copied as holes', async () => {
    const out =
      await sh(`cd ${directory}; truncate -s 10M h; printf x | dd of=h bs=1 seek=5000000 conv=notrunc status=none
      cp --sparse=always h h2; cmp h h2; du -k h2 | cut -f1`)
    expect(Number(out)).toBeLessThan(256)
  })

  test('copy_file_range: whole, in pieces, into itself', async () => {
    const code = `
data = os.urandom(6_000_000)
open('c1', 'wb').write(data)
a = os.open('c1', os.O_RDWR); b = os.open('c2', os.O_RDWR | os.O_CREAT)
left = len(data)
while left > 0: left -= os.copy_file_range(a, b, left)
print(open('c2', 'rb').read() == data, os.copy_file_range(a, b, 10))
print(os.copy_file_range(a, a, 100, 0, 7_000_000), os.stat('c1').st_size)
try: os.copy_file_range(a, a, 100, 0, 50)
except OSError as error: print(error.errno)`
    expect(await python(code)).toBe('True 0\n100 7000100\n22')
    expect((await server.tell({ order: 'counts' })) as object).toMatchObject({
      requests: { copy_file_range: expect.any(Number) },
    })
  })

  test('open-unlinked files, and their hard links', async () => {
    const code = `
f = open('u', 'w+b'); f.write(b'alive'); f.flush(); os.link('u', 'u2'); os.unlink('u'); os.unlink('u2')
f.seek(0); print(f.read(), os.fstat(f.fileno()).st_nlink)`
    expect(await python(code)).toBe("b'alive' 0")
  })

  test('locks among the processes of one mount: flock, and ranges', async () => {
    const code = `
import fcntl
f = open('l', 'w'); fcntl.flock(f, fcntl.LOCK_EX); g = open('l2', 'w'); fcntl.lockf(g, fcntl.LOCK_EX, 10)
if os.fork() == 0:
    for name, lock in (('l', lambda h: fcntl.flock(h, fcntl.LOCK_EX | fcntl.LOCK_NB)), ('l2', lambda h: fcntl.lockf(h, fcntl.LOCK_EX | fcntl.LOCK_NB, 5)), ('l2', lambda h: fcntl.lockf(h, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 10))):
        h = open(name, 'r+')
        try: lock(h); print('free', flush=True)
        except OSError as error: print(error.errno, flush=True)
    os._exit(0)
os.wait()`
    expect(await python(code)).toBe('11\n11\nfree')
  })

  test('directories: .. leads up, also from the top; a listing goes on over changes', async () => {
    const out =
      await sh(`cd ${directory}; mkdir -p d/e; [ $(stat -c %i d/e/..) = $(stat -c %i d) ]; [ $(stat -c %i .) = 1 ]
      ls -a d; mkdir many; cd many; seq 3000 | xargs touch; ls | wc -l; ls | head -1500 | xargs rm; ls | wc -l`)
    expect(out.split('\n')).toEqual(['.', '..', 'e', '3000', '1500'])
  })

  test('names of 255 bytes, 256 are too long; a name that is not text', async () => {
    const code = `
open('n' * 255, 'w'); open(b'\\xff\\xfe', 'w'); print(b'\\xff\\xfe' in os.listdir(b'.'))
try: open('n' * 256, 'w')
except OSError as error: print(error.errno)`
    expect(await python(code)).toBe('True\n36')
  })

  test('times before 1970 and far ahead, to the nanosecond; when a file was made', async () => {
    const code = `
open('t1', 'w'); os.utime('t1', ns=(-1_500_000_001, 4_300_000_000_123_456_789))
s = os.stat('t1'); print(s.st_atime_ns, s.st_mtime_ns)`
    expect(await python(code)).toBe('-1500000001 4300000000123456789')
    const made = Number(await sh(`stat -c %W ${directory}/t1`))
    expect(Math.abs(made - Date.now() / 1000)).toBeLessThan(120)
  })

  test('poll: always ready, as on a disk; syncfs comes back', async () => {
    const code = `
import ctypes, select
f = os.open('polled', os.O_RDWR | os.O_CREAT); p = select.poll(); p.register(f, select.POLLIN | select.POLLOUT)
print(p.poll(1000) == [(f, select.POLLIN | select.POLLOUT)], ctypes.CDLL(None).syncfs(f))`
    expect(await python(code)).toBe('True 0')
  })

  test('df shows sensible figures', async () => {
    const [size, free] = (await sh(`df -B1 --output=size,avail ${directory} | tail -1`)).trim().split(/\s+/).map(Number)
    expect(free).toBeGreaterThan(0)
    expect(size).toBeGreaterThanOrEqual(free!)
    expect(size).toBeLessThan(2 ** 45)
  })

  describe('changes made outside the mount show at once, though the kernel may trust its caches for an hour', () => {
    const outside = (method: string, ...args: unknown[]) => server.tell({ order: 'fs', method, args })
    const soon = async (script: string, text: string): Promise<void> => {
      await expect.poll(() => sh(`cd ${directory}; ${script}`), { timeout: 5000 }).toBe(text)
    }

    test('content and size', async () => {
      await sh(`cd ${directory}; echo one > x1; cat x1`)
      await outside('writeFile', '/x1', 'two and more\n')
      await soon('cat x1; stat -c %s x1', 'two and more\n13')
    })

    test('a mode', async () => {
      await sh(`cd ${directory}; echo one > x2; stat x2`)
      await outside('chmod', '/x2', 0o600)
      await soon('stat -c %a x2', '600')
    })

    test('a name that was not there, one that goes, one that moves', async () => {
      await sh(`cd ${directory}; ! cat x3; echo 1 > x4; echo 2 > x5; cat x4 x5`)
      await outside('writeFile', '/x3', 'new\n')
      await outside('unlink', '/x4')
      await outside('rename', '/x5', '/x6')
      await soon('cat x3; test -e x4 || echo gone; test -e x5 || cat x6', 'new\ngone\n2')
    })

    test('much at a time, while the mount is in use', async () => {
      const busy = sh(
        `cd ${directory}; mkdir w; i=0; while [ $i -lt 200 ]; do echo $i > w/$i; ls w > /dev/null; i=$((i+1)); done`,
      )
      for (let i = 0; i < 200; i++) await outside('writeFile', `/x${i % 7}`, `${i}\n`)
      await busy
      await soon('cat x3; ls w | wc -l', '199\n200')
    })
  })
})
