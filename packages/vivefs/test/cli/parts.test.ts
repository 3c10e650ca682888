import { describe, expect, it } from 'vitest'
import { matcher } from '../../src/cli/glob.ts'
import { parseMode } from '../../src/cli/mode-text.ts'
import { humanBytes } from '../../src/cli/output.ts'
import { parseOwner } from '../../src/cli/owner.ts'
import { clock, describe as describeProgress } from '../../src/cli/progress.ts'
import { parseVolumePath, pathInSameVolume } from '../../src/cli/volume-path.ts'
import { printable } from '../../src/transfer/findings.ts'

describe('VOLUME:PATH', () => {
  it.each([
    ['photos', 'photos', '/'],
    ['photos:/', 'photos', '/'],
    ['photos:/a/b', 'photos', '/a/b'],
    ['photos:a/b', 'photos', '/a/b'],
    ['/x/photos:/a:b', '/x/photos', '/a:b'],
    ['photos:/a:/b', 'photos', '/a:/b'],
    ['a:b:c', 'a:b', '/c'],
    ['c:/path', 'c', '/path'],
    [':/path', '', '/path'],
  ])('%s', (text, volume, path) => {
    expect(parseVolumePath(text, 'linux')).toEqual({ volume, path })
  })

  it.each([
    ['C:\\photos', 'C:\\photos', '/'],
    ['C:/photos', 'C:/photos', '/'],
    ['C:/photos:/a', 'C:/photos', '/a'],
    ['c:\\photos:a', 'c:\\photos', '/a'],
    ['photos:/a', 'photos', '/a'],
  ])('on Windows: %s', (text, volume, path) => {
    expect(parseVolumePath(text, 'win32')).toEqual({ volume, path })
  })

  it('further paths stay in the volume', () => {
    expect(pathInSameVolume('/a', 'v')).toBe('/a')
    expect(pathInSameVolume('a', 'v')).toBe('/a')
    expect(pathInSameVolume(':/a', 'v')).toBe('/a')
    expect(pathInSameVolume('./v:/a', 'v')).toBe('/a')
    expect(() => pathInSameVolume('w:/a', 'v')).toThrow('another volume')
  })
})

describe('modes', () => {
  it.each([
    ['644', 0o777, 0o644],
    ['04755', 0, 0o4755],
    ['u+x', 0o644, 0o744],
    ['+x', 0o644, 0o755],
    ['a-w', 0o666, 0o444],
    ['go=', 0o4777, 0o4700],
    ['u=rw,go=r', 0o777, 0o644],
    ['u+s,g+s', 0o755, 0o6755],
    ['u-s', 0o6755, 0o2755],
    ['+t', 0o777, 0o1777],
    ['o-t', 0o1777, 0o777],
    ['a+X', 0o644, 0o644],
    ['a+X', 0o744, 0o755],
    ['u+w-x', 0o544, 0o644],
  ])('%s on %o', (text, before, after) => {
    expect(parseMode(text)(before, false).toString(8)).toBe(after.toString(8))
  })

  it('X means directories', () => expect(parseMode('a+X')(0o600, true)).toBe(0o711))

  it.each(['', '8', '77777', 'u', 'z+x', 'u+q', 'u+x,', 'rwx'])('"%s" is none', (text) => {
    expect(() => parseMode(text)).toThrow('no mode')
  })
})

describe('patterns', () => {
  it.each([
    ['*.jpg', 'a.jpg', true],
    ['*.jpg', 'a.jpeg', false],
    ['*', '.hidden', true],
    ['?', '🎈', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[]]', ']', true],
    ['a[', 'a[', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a.c', 'abc', false],
    ['line*', 'line\nfeed', true],
  ])('%s and %j', (pattern, name, expected) => {
    expect(matcher(pattern)(Buffer.from(name))).toBe(expected)
  })
})

it('owners', () => {
  expect(parseOwner('1')).toEqual({ user: '1', group: undefined })
  expect(parseOwner('ann:staff')).toEqual({ user: 'ann', group: 'staff' })
  expect(parseOwner(':9')).toEqual({ user: undefined, group: '9' })
  expect(() => parseOwner(':')).toThrow('no owner')
})

it('what people read', () => {
  expect(humanBytes(1023)).toBe('1023 B')
  expect(humanBytes(1536)).toBe('1.5 KiB')
  expect(clock(61)).toBe('1:01')
  expect(clock(3661)).toBe('1:01:01')
  expect(printable(Buffer.from('grüße'))).toBe('grüße')
  expect(printable(Buffer.of(0x61, 0xff, 0x0a))).toBe('a\\xff\\x0a')
  expect(printable(Buffer.from('a\x1b[31m\u0085'))).toBe('a\\x1b[31m\\x85')
  expect(describeProgress({ phase: 'import', loaded: 50, total: 100, files: 7 }, 10)).toBe(
    'import  [############............] 50 %  50 B of 100 B  10 B/s  ETA 0:05  7 entries',
  )
  expect(describeProgress({ phase: 'scan', loaded: 0, total: undefined }, 0)).toBe('scan')
})
