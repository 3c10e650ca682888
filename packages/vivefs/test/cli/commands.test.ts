import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ViveFS } from '../../src/index.ts'
import { plantTree, removeTemporaries, temporary } from '../transfer/tree.ts'
import { json, jsonLines, ok, vivefs, vivefsWith } from './terminal.ts'

let place: string
let volume: string
let source: string

beforeEach(() => {
  place = temporary()
  volume = join(place, 'volume')
  source = join(place, 'source')
  mkdirSync(join(source, 'sub/deep'), { recursive: true })
  writeFileSync(join(source, 'a.txt'), 'alpha\n')
  writeFileSync(join(source, '.hidden'), 'h')
  writeFileSync(join(source, 'sub/b.txt'), 'beta\n')
  writeFileSync(join(source, 'sub/deep/c.bin'), Buffer.of(0, 255, 1))
})

afterAll(removeTemporaries)

const clean = async (): Promise<void> => {
  expect(await json('fsck', volume)).toMatchObject({ clean: true })
}

describe('trees in and out', () => {
  it('import, verify, export, verify', async () => {
    expect(await ok('import', source, volume)).toMatch(/^imported 4 files, 3 directories: /)
    expect(await ok('verify', source, volume)).toContain('no differences')
    const out = join(place, 'out')
    expect(await json('export', volume, out)).toMatchObject({ files: 4, findingCount: 0 })
    expect(readdirSync(join(out, 'sub'))).toEqual(['b.txt', 'deep'])
    await ok('verify', out, volume, '--mtime-tolerance', '2000')
    await clean()
  })

  it('everything that a tree can have', async () => {
    plantTree(source)
    await ok('import', source, `${volume}:/in/here`)
    expect(await json('verify', source, `${volume}:/in/here`)).toMatchObject({ findingCount: 0 })
    const lines = await jsonLines('find', volume, '--type', 'f')
    expect(lines.some(({ pathBase64 }) => typeof pathBase64 === 'string')).toBe(true)
    expect(await ok('tree', volume)).toContain('two\\x0alines')
    await clean()
  })

  it('differences are exit code 1', async () => {
    await ok('import', source, volume)
    writeFileSync(join(source, 'a.txt'), 'Alpha\n')
    const { code, out } = await vivefs('verify', source, volume)
    expect(code).toBe(1)
    expect(out).toContain('bytes: a.txt: the first different byte is at 0')
    expect((await vivefs('verify', source, volume, '--json')).code).toBe(1)
  })

  it('a target that is not empty', async () => {
    await ok('import', source, volume)
    const { code, err } = await vivefs('import', source, volume)
    expect(code).toBe(1)
    expect(err).toMatch(/^vivefs: ENOTEMPTY: .*\n$/)
    await ok('import', source, volume, '--overwrite')
    expect(await ok('verify', source, volume)).toContain('no differences')
    expect((await vivefs('export', volume, source)).err).toContain('ENOTEMPTY')
  })

  it('stops on a signal and leaves the volume sound', async () => {
    for (let i = 0; i < 2000; i++) writeFileSync(join(source, `f${i}`), 'x'.repeat(500))
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 30)
    const { code, err } = await vivefsWith({ signal: controller.signal }, 'import', source, volume)
    expect(code).toBe(130)
    expect(err).toContain('interrupted')
    await clean()
    expect((await vivefsWith({ signal: AbortSignal.abort() }, 'ls', volume)).code).toBe(130)
  })

  it('shows progress on a terminal only', async () => {
    const { err } = await vivefsWith({ isTTY: true }, 'import', source, volume)
    expect(err).toContain('\r')
    expect((await vivefs('verify', source, volume)).err).toBe('')
    expect((await vivefsWith({ isTTY: true }, 'verify', source, volume, '--json')).err).toBe('')
  })
})

describe('looking', () => {
  beforeEach(() => ok('import', source, volume))

  it('ls', async () => {
    expect(await ok('ls', volume)).toBe('a.txt\nsub\n')
    expect(await ok('ls', '-a', volume)).toBe('.hidden\na.txt\nsub\n')
    expect(await ok('ls', '-l', `${volume}:/sub`)).toMatch(
      /^-rw-r--r-- {2}1 .* 5 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}b\.txt\ndrwx/,
    )
    expect(await json('ls', volume)).toMatchObject([{ name: 'a.txt', type: 'file', size: 6 }, { name: 'sub' }])
    expect(await ok('ls', `${volume}:a.txt`)).toBe('a.txt\n')
  })

  it('tree', async () => {
    expect(await ok('tree', volume)).toBe(
      [
        '/',
        '├── .hidden',
        '├── a.txt',
        '└── sub',
        '    ├── b.txt',
        '    └── deep',
        '        └── c.bin',
        '',
        '2 directories, 4 files',
        '',
      ].join('\n'),
    )
    expect((await jsonLines('tree', volume, '-L', '1')).map(({ path }) => path)).toEqual([
      '/',
      '/.hidden',
      '/a.txt',
      '/sub',
    ])
  })

  it('cat', async () => {
    expect(await ok('cat', `${volume}:/a.txt`, '/sub/b.txt')).toBe('alpha\nbeta\n')
    expect(await json('cat', `${volume}:/sub/deep/c.bin`)).toEqual({
      path: '/sub/deep/c.bin',
      size: 3,
      encoding: 'base64',
      content: 'AP8B',
    })
    expect((await vivefs('cat', `${volume}:/sub`)).err).toMatch(/^vivefs: EISDIR/)
  })

  it('stat', async () => {
    expect(await ok('stat', `${volume}:/a.txt`)).toMatch(/mode {7}0644 -rw-r--r--/)
    expect(await json('stat', `${volume}:/sub`)).toMatchObject({ path: '/sub', type: 'directory', nlink: 3 })
  })

  it('du, df, find', async () => {
    expect(await ok('du', '-b', volume)).toBe('3\t/sub/deep\n8\t/sub\n15\t/\n')
    expect(await jsonLines('du', '-s', volume)).toEqual([{ path: '/', bytes: 15, entries: 7 }])
    expect(await json('df', volume)).toMatchObject({ usedBytes: 15, inodes: 7 })
    expect(await ok('find', volume, '--name', '*.txt')).toBe('/a.txt\n/sub/b.txt\n')
    expect(await ok('find', `${volume}:/sub`, '--type', 'd')).toBe('/sub\n/sub/deep\n')
    expect(await ok('find', volume, '--name', 'c*', '-0')).toBe('/sub/deep/c.bin\0')
  })
})

describe('changing', () => {
  beforeEach(() => ok('import', source, volume))

  it('cp, mv, rm', async () => {
    await ok('cp', `${volume}:/a.txt`, '/copy.txt')
    await ok('cp', '-r', `${volume}:/sub`, '/sub2')
    await ok('cp', '-r', `${volume}:/a.txt`, '/sub2', '/sub')
    expect(await ok('find', `${volume}:/sub`)).toContain('/sub/sub2/deep/c.bin')
    await ok('mv', `${volume}:/copy.txt`, ':/sub2/')
    expect(await ok('cat', `${volume}:/sub2/copy.txt`)).toBe('alpha\n')
    expect((await vivefs('rm', `${volume}:/sub`)).code).toBe(1)
    await ok('rm', '-r', `${volume}:/sub`, '/sub2')
    expect(await ok('ls', volume)).toBe('a.txt\n')
    expect((await vivefs('rm', `${volume}:/none`)).err).toMatch(/ENOENT.*none/)
    await ok('rm', '-f', `${volume}:/none`)
    expect((await vivefs('rm', '-r', volume)).code).toBe(2)
    await clean()
  })

  it('ln and mkdir', async () => {
    await ok('ln', `${volume}:/a.txt`, '/b.txt')
    await ok('ln', '-s', 'sub/b.txt', `${volume}:/soft`)
    expect(await ok('cat', `${volume}:/soft`)).toBe('beta\n')
    expect(await json('stat', `${volume}:/b.txt`)).toMatchObject({ nlink: 2 })
    expect(await ok('ls', '-l', `${volume}:/soft`)).toContain('soft -> sub/b.txt')
    await ok('mkdir', '-p', `${volume}:/x/y/z`, '/x/w')
    expect(await ok('ls', `${volume}:/x`)).toBe('w\ny\n')
    expect((await vivefs('mkdir', `${volume}:/x`)).err).toContain('EEXIST')
    await clean()
  })

  it('chmod and chown', async () => {
    await ok('chmod', '-R', 'u=rwX,go=', `${volume}:/sub`)
    expect(await json('stat', `${volume}:/sub/b.txt`)).toMatchObject({ mode: '0600' })
    expect(await json('stat', `${volume}:/sub/deep`)).toMatchObject({ mode: '0700' })
    const vive = await ViveFS.open(volume)
    await vive.users.add({ name: 'ann', uid: 1234 })
    await vive.groups.add({ name: 'staff', gid: 50 })
    await vive.close()
    await ok('chown', '-R', 'ann:staff', `${volume}:/sub`)
    expect(await json('stat', `${volume}:/sub/deep/c.bin`)).toMatchObject({ uid: 1234, gid: 50 })
    await ok('chown', ':7', `${volume}:/a.txt`)
    expect(await json('stat', `${volume}:/a.txt`)).toMatchObject({ gid: 7 })
    expect(await ok('ls', '-l', `${volume}:/sub`)).toContain('ann')
    expect((await vivefs('chown', 'nobody-here', `${volume}:/a.txt`)).code).toBe(2)
    await clean()
  })
})

describe('errors', () => {
  it.each([
    [['nope']],
    [['ls']],
    [['ls', 'v', '--wrong']],
    [['ls', ':/path']],
    [['chmod', 'zzz', 'v:/a']],
    [['find', 'v', '--type', 'q']],
    [['mv', 'v:/a', 'w:/b']],
    [['mkfs', 'v', '--extent-bytes', 'many']],
    [[]],
  ])('%j is a usage error', async (argv) => {
    const { code, err } = await vivefs(...argv)
    expect(code).toBe(2)
    expect(err).not.toBe('')
  })

  it('every command shows an example', async () => {
    const { out, code } = await vivefs('--help')
    expect(code).toBe(0)
    const names = [...out.matchAll(/^ {2}([a-z]+) .*</gm)].map(([, name]) => name!)
    expect(names.length).toBeGreaterThanOrEqual(19)
    for (const name of names) expect((await vivefs(name, '--help')).out, name).toMatch(/Examples?:\n {2}\$ vivefs /)
  })

  it('no volume', async () => {
    const { code, err } = await vivefs('ls', volume)
    expect(code).toBe(1)
    expect(err).toMatch(/^vivefs: ERR_VIVEFS_NOT_A_VOLUME: [^\n]*\n$/)
    const error = JSON.parse((await vivefs('ls', volume, '--json')).err) as { error: unknown }
    expect(error).toMatchObject({ error: { code: 'ERR_VIVEFS_NOT_A_VOLUME' } })
    expect(JSON.parse((await vivefs('ls', '--json')).err)).toMatchObject({ error: { code: 'USAGE' } })
  })

  it('says where, why and what may help, in one line', async () => {
    const file = join(source, 'single')
    writeFileSync(file, 'single')
    expect((await vivefs('import', file, `${volume}:/d/`)).code).toBe(0)
    const said = async (...args: string[]): Promise<string> => {
      const { code, err } = await vivefs(...args)
      expect([code > 0, err.split('\n').length]).toEqual([true, 2])
      return err
    }
    expect(await said('nosuch')).toMatch(/unknown command 'nosuch' .*vivefs --help/)
    expect(await said('ls', volume, '--nosuch')).toMatch(/'--nosuch' .*vivefs ls --help/)
    expect(await said('ls', join(source, 'none'))).toMatch(/no ViveFS volume at .*none .*vivefs mkfs/)
    expect(await said('ls', file)).toMatch(/ERR_VIVEFS_NOT_A_VOLUME: .*single is a file/)
    expect(await said('import', file, `${volume}:/d/`)).toMatch(/^vivefs: EEXIST: .*'\/d\/' .*--overwrite/)
    expect(await said('import', join(source, 'none'), volume)).toMatch(/ENOENT: .*none'/)
    expect(await said('cat', `${volume}:/d`)).toMatch(/EISDIR: .*read '\/d'/)
    expect(await said('export', `${volume}:/nope`, join(source, 'out'))).toMatch(/ENOENT: .*'\/nope'/)
    const { error } = JSON.parse((await vivefs('import', file, `${volume}:/d/`, '--json')).err) as never
    expect(error).toMatchObject({ code: 'EEXIST', path: '/d/', hint: expect.stringContaining('--overwrite') })
  })

  it('a volume that somebody has open', async () => {
    const vive = await ViveFS.open(volume)
    try {
      const { code, err } = await vivefs('ls', volume, '--json')
      expect(code).toBe(1)
      expect(JSON.parse(err)).toMatchObject({ error: { code: 'ERR_VIVEFS_LOCKED', holder: { pid: process.pid } } })
    } finally {
      await vive.close()
    }
  })

  it('mkfs makes one volume', async () => {
    expect(await json('mkfs', volume, '--label', 'mine', '--owner', '5:6')).toMatchObject({ engine: 'lsm' })
    expect((await vivefs('mkfs', volume)).err).toMatch(/^vivefs: ERR_VIVEFS_EXISTS/)
    expect(await json('stat', `${volume}:/`)).toMatchObject({ uid: 5, gid: 6 })
    expect((await vivefs('mkfs', source)).err).toContain('ERR_VIVEFS_NOT_A_VOLUME')
    expect(await json('fsck', volume, '--repair')).toMatchObject({ clean: true })
  })
})
