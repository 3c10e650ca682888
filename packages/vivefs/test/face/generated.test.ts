/**
 * Generated cases: every function with every kind of value in each of its arguments, in every form, on node:fs and on a
 * volume. No expected value is written down: outcome, error and what is left of the tree are compared.
 */
import type nodeFs from 'node:fs'
import { constants } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { type Form, forms, openSides, plain, type Side } from './differential.ts'
import { actual, at, brief, type Case, casesOf, differ, type Kind, kinds, Made, stride, type Value } from './values.ts'

/** Functions of paths: what their arguments are, and the values of those that are not varied. */
const functions: Record<string, readonly (readonly [kind: Kind, usual: Value])[]> = {
  access: [
    ['path', at('file')],
    ['access', 4],
  ],
  appendFile: [
    ['path', at('file')],
    ['data', 'more'],
    ['writeOptions', undefined],
  ],
  chmod: [
    ['path', at('file')],
    ['mode', 0o640],
  ],
  chown: [
    ['path', at('file')],
    ['id', 0],
    ['id', 0],
  ],
  copyFile: [
    ['path', at('file')],
    ['path', at('new')],
    ['copyMode', 0],
  ],
  exists: [['path', at('file')]],
  lchown: [
    ['path', at('link')],
    ['id', 0],
    ['id', 0],
  ],
  link: [
    ['path', at('file')],
    ['path', at('new')],
  ],
  lstat: [
    ['path', at('link')],
    ['statOptions', undefined],
  ],
  lutimes: [
    ['path', at('link')],
    ['time', 1],
    ['time', 2],
  ],
  mkdir: [
    ['path', at('new')],
    ['mkdirOptions', undefined],
  ],
  mkdtemp: [
    ['path', at('new-')],
    ['encoding', undefined],
  ],
  open: [
    ['path', at('file')],
    ['flags', 'r'],
    ['mode', 0o644],
  ],
  opendir: [
    ['path', at('dir')],
    ['dirOptions', undefined],
  ],
  readFile: [
    ['path', at('file')],
    ['readOptions', undefined],
  ],
  readdir: [
    ['path', at('dir')],
    ['readdirOptions', undefined],
  ],
  readlink: [
    ['path', at('link')],
    ['encoding', undefined],
  ],
  realpath: [
    ['path', at('link')],
    ['encoding', undefined],
  ],
  rename: [
    ['path', at('file')],
    ['path', at('new')],
  ],
  rm: [
    ['path', at('dir')],
    ['rmOptions', { recursive: true }],
  ],
  rmdir: [
    ['path', at('empty')],
    ['rmOptions', undefined],
  ],
  stat: [
    ['path', at('file')],
    ['statOptions', undefined],
  ],
  statfs: [
    ['path', at('file')],
    ['statOptions', undefined],
  ],
  symlink: [
    ['path', 'target'],
    ['path', at('new')],
    ['linkType', undefined],
  ],
  truncate: [
    ['path', at('file')],
    ['length', 3],
  ],
  unlink: [['path', at('file')]],
  utimes: [
    ['path', at('file')],
    ['time', 1],
    ['time', 2],
  ],
  writeFile: [
    ['path', at('file')],
    ['data', 'new'],
    ['writeOptions', undefined],
  ],
}

/**
 * Where node itself crashes (opendir with a wrong bufferSize) or answers what depends on the host: left out.
 *   rm of a number, copyFile of a directory onto a file: see paths.test.ts.
 *   truncate of a descriptor: deprecated, the number would be one of the host.
 *   sparse files of 2 GiB and more: slow on the host.
 */
function isComparable({ name, args }: Case, form: Form): boolean {
  const isNumber = typeof args[0] === 'number'
  if (isNumber && ['truncate', 'readFile', 'writeFile', 'appendFile'].includes(name)) return false
  if (name === 'truncate' && typeof args[1] === 'number' && args[1] > 1000) return false
  if (name === 'mkdtemp' && args[0] instanceof Made && /^\/?$|\/$/.test(String(args[0].make((place) => place))))
    return false
  // What these make of a bigint or a symbol is not a refusal of theirs but of an operator.
  if (['bigint', 'symbol'].includes(typeof args[0]) && /^(append|read|write)File$/.test(name)) return false
  // Node makes text of numbers of a Uint8Array that is no Buffer.
  const isArray = args[0] instanceof Made && args[0].make(() => '/')?.constructor === Uint8Array
  if (isArray && /^(mkdtemp|opendir|realpath)$/.test(name)) return false
  // Only the forms without promises refuse a mode of null, and say that it is undefined.
  if (name === 'mkdir' && (args[1] as { mode?: unknown } | undefined | null)?.mode === null) return false
  // O_PATH and all other flags at once.
  if (args.includes(-1) && name === 'open') return false
  if ((args.at(-1) as { flag?: unknown } | undefined)?.flag === -1) return false
  // Node's older realpath makes strings of anything.
  if (name === 'realpath' && form !== 'promises' && !(args[0] instanceof Made)) return false
  // Since Node 23 the synchronous rm empties a directory before it refuses the dot that it was named by.
  if (name === 'rm' && form === 'sync' && args[0] instanceof Made) {
    const nodeMajor = Number(process.versions.node.split('.')[0])
    if (nodeMajor >= 23 && String(args[0].make((place) => place)).endsWith('.')) return false
  }
  // A volume shares what it copies; the host of the tests cannot.
  if (name === 'copyFile' && args[2] === constants.COPYFILE_FICLONE_FORCE) return false
  if (name === 'copyFile' && args[0] instanceof Made) {
    if (!['file', 'link', 'none'].includes(String(args[0].make((place) => place)))) return false
  }
  return true
}

function plant(fs: typeof nodeFs, root: string): void {
  fs.mkdirSync(`${root}/dir/inner`, { recursive: true })
  fs.mkdirSync(`${root}/empty`)
  fs.writeFileSync(`${root}/file`, 'content é')
  fs.writeFileSync(`${root}/dir/a`, 'a')
  fs.symlinkSync('file', `${root}/link`)
  fs.symlinkSync('dir', `${root}/dirlink`)
  fs.symlinkSync('nowhere', `${root}/dangling`)
  fs.symlinkSync('loop', `${root}/loop`)
}

const planted = new Set(['dir', 'inner', 'empty', 'file', 'a', 'link', 'dirlink', 'dangling', 'loop', 'new'])

/** All that is to be seen of a tree; names that mkdtemp made are alike. */
function snapshot(fs: typeof nodeFs, root: string): unknown[] {
  const seen: unknown[] = []
  const look = (below: string): void => {
    const names = fs.readdirSync(root + below).map((name) => ({
      name,
      shown: planted.has(name) ? name : name.replace(/.{6}$/, 'XXXXXX'),
    }))
    for (const { name, shown } of names.sort((one, other) => (one.shown < other.shown ? -1 : 1))) {
      const stats = fs.lstatSync(`${root}${below}/${name}`)
      const { mode, nlink, uid, gid } = stats
      const content = stats.isFile() ? fs.readFileSync(`${root}${below}/${name}`, 'latin1') : ''
      const times = [stats.atimeMs, stats.mtimeMs].map((ms) => (ms < 1e11 && ms >= 0 ? ms : 'now'))
      seen.push([`${below}/${shown}`, mode, nlink, uid, gid, content, stats.isDirectory() ? '' : times])
      if (stats.isDirectory()) look(`${below}/${name}`)
    }
  }
  look('')
  return seen
}

/** What a call answered, without what differs by nature; what it opened is closed. */
async function answered(fs: typeof nodeFs, name: string, value: unknown, root: string): Promise<unknown> {
  if (name === 'open') {
    if (typeof value === 'number') fs.closeSync(value)
    else await (value as nodeFs.promises.FileHandle).close()
    return 'opened'
  }
  if (name === 'opendir') {
    const names: unknown[] = []
    for await (const entry of value as nodeFs.Dir) names.push(plain(entry, root))
    return { path: plain((value as nodeFs.Dir).path, root), names: names.map((each) => JSON.stringify(each)).sort() }
  }
  if (name === 'mkdtemp') return [typeof value, (value as string).length]
  if (name === 'statfs') return Object.entries(value as object).map(([key, each]) => `${key} ${typeof each}`)
  if (name === 'readdir' && Array.isArray(value)) {
    return value.map((each) => JSON.stringify(plain(each, root))).sort()
  }
  return plain(value, root)
}

type Anything = (...args: unknown[]) => unknown

async function run(side: Side, root: string, form: Form, { name, args }: Case): Promise<unknown> {
  const { fs } = side
  const given = args.map((value) => actual(value, (place) => `${root}/${place}`))
  const all = fs as unknown as Record<string, Anything>
  try {
    if (form === 'sync') return await answered(fs, name, all[`${name}Sync`](...given), root)
    if (form === 'promises') {
      const promised = (fs.promises as unknown as Record<string, Anything>)[name]
      return await answered(fs, name, await promised(...given), root)
    }
    let isSameTurn = true
    const results = await new Promise<unknown[]>((resolve, reject) => {
      const done = (...values: unknown[]): void => {
        // Node itself does that for some refusals.
        if (isSameTurn && !side.isReal) reject(new Error('called back in the same step'))
        else if (name === 'exists') resolve([null, ...values])
        else resolve(values)
      }
      all[name](...given, done)
      isSameTurn = false
    })
    const [error, ...values] = results
    if (error) return [refused(error, name, root), values.length]
    return [values.length, await answered(fs, name, values[0], root)]
  } catch (error) {
    return refused(error, name, root)
  }
}

/** Without what is random. */
function refused(error: unknown, name: string, root: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (name === 'mkdtemp' && !code?.startsWith('ERR_')) return code
  return plain(error, root)
}

test.each(forms)('functions of paths: %s', { timeout: 600_000 }, async (form) => {
  const { real, ours, close } = await openSides()
  const differences: string[] = []
  const silent = (): void => {}
  process.on('warning', silent)
  let number = 0
  let ran = 0
  let roots: string[] = []
  let initial: unknown[] | undefined
  const all = Object.entries(functions).flatMap(([name, parameters]) =>
    casesOf(
      name,
      parameters.map(([, usual]) => usual),
      parameters.map(([kind]) => kinds[kind]),
    ),
  )
  for (const [index, each] of all.entries()) {
    // Every flag of open is one of a kind.
    if (index % stride !== 0 && each.args.length > 1 && each.name !== 'open') continue
    if (form === 'promises' && each.name === 'exists') continue
    if (!isComparable(each, form)) continue
    ran++
    const sides = [real, ours]
    if (initial === undefined) {
      number++
      roots = sides.map(({ root }) => path.join(root, `${number}`))
      for (const [i, { fs }] of sides.entries()) plant(fs, roots[i])
      initial = snapshot(ours.fs, roots[1])
    }
    const outcomes: unknown[] = []
    const left: unknown[][] = []
    for (const [i, side] of sides.entries()) {
      outcomes.push(await run(side, roots[i], form, each))
      left.push(snapshot(side.fs, roots[i]))
    }
    const shown = `${each.name}(${each.args.map((value) => brief(actual(value, (place) => `/ROOT/${place}`))).join(', ')})`
    // Node 24's rmSync has no name for some of its own refusals: nothing to compare with.
    const isNameless = (outcomes[0] as { thrown?: { code?: unknown } } | undefined)?.thrown?.code === ''
    if (!isNameless && !isDeepStrictEqual(outcomes[0], outcomes[1])) {
      differ(differences, `${shown}: node ${brief(outcomes[0])}, ours ${brief(outcomes[1])}`)
    } else if (!isDeepStrictEqual(left[0], left[1])) {
      const extra = left.map((tree, i) =>
        tree.filter((entry) => !left[1 - i].some((other) => isDeepStrictEqual(entry, other))),
      )
      differ(differences, `${shown} left: node ${brief(extra[0])}, ours ${brief(extra[1])}`)
    }
    if (!isDeepStrictEqual(left[0], initial) || !isDeepStrictEqual(left[1], initial)) initial = undefined
  }
  process.off('warning', silent)
  await close()
  console.log(`generated ${form}: ${ran} cases, ${differences.length} differences`)
  expect(differences).toEqual([])
})
