/** A face shaped like node:fs whose files get their bytes before anybody touches them: what needs them waits for the overlay, the rest passes. */
import { constants } from 'node:fs'
import { drive, driveSync } from './drive.mjs'

const { COPYFILE_EXCL, O_ACCMODE = 3, O_EXCL, O_RDONLY, O_TRUNC, R_OK, W_OK } = constants

/** What open(2) does with the bytes that are there; undefined: nothing, it fails on a file that is there. */
function intentOf(flags = 'r') {
  if (typeof flags === 'string') return flags.includes('x') ? undefined : /^r(s|)$/.test(flags) ? 'read' : 'write'
  if ((flags & O_EXCL) !== 0) return undefined
  return (flags & O_ACCMODE) === O_RDONLY && (flags & O_TRUNC) === 0 ? 'read' : 'write'
}

const flagOf = (options, usual) => intentOf(options?.flag ?? usual)

/** What calls do with files: `[path, intent]` for each. */
const touches = {
  appendFile: ([path]) => [[path, 'write']],
  copyFile: ([from, to, mode = 0]) => [[from, 'read'], ...((mode & COPYFILE_EXCL) === 0 ? [[to, 'write']] : [])],
  open: ([path, flags]) => [[path, intentOf(typeof flags === 'function' ? 'r' : flags)]],
  openAsBlob: ([path]) => [[path, 'read']],
  readFile: ([path, options]) => [[path, flagOf(options, 'r')]],
  truncate: ([path]) => [[path, 'write']],
  writeFile: ([path, , options]) => [[path, flagOf(options, 'w')]],
}

const RIGHTS = { read: R_OK, write: W_OK }
const isPath = (value) => typeof value === 'string' || Buffer.isBuffer(value) || value instanceof URL

/** `view`: what an agent sees, `{ fs, credentials }`. `tree`: the same as the superuser, `{ fs, fsal }`, with the same current directory. */
export function lookThrough(view, tree, overlay) {
  const { fs, credentials } = view

  function* prepare(touched) {
    for (const [path, intent] of touched) {
      if (intent === undefined || !isPath(path)) continue
      let real
      try {
        yield [fs, 'access', path, RIGHTS[intent]]
        real = yield [tree.fs, 'realpath', path, { encoding: 'buffer' }]
      } catch {
        // The call itself says what is wrong.
        continue
      }
      if (intent === 'read') yield* overlay.bring(tree, real)
      else yield* overlay.own(tree, real, credentials.uid)
    }
  }

  /** cp asks its filter before it copies an entry. */
  const filtered = (options, driver) => ({
    ...options,
    filter: (from, to) => {
      const isMeant = options?.filter?.(from, to) ?? true
      const touched = [[from, 'read'], ...(options?.force === false ? [] : [[to, 'write']])]
      if (driver === driveSync) {
        if (isMeant) driveSync(prepare(touched))
        return isMeant
      }
      return Promise.resolve(isMeant).then((is) => is && drive(prepare(touched)).then(() => true))
    },
  })

  const promises = { cp: (from, to, options) => fs.promises.cp(from, to, filtered(options, drive)) }
  const face = {
    cpSync: (from, to, options) => fs.cpSync(from, to, filtered(options, driveSync)),
    cp: (from, to, ...rest) => fs.cp(from, to, filtered(rest.length > 1 ? rest[0] : {}, drive), rest.at(-1)),
  }
  for (const [name, touchedBy] of Object.entries(touches)) {
    promises[name] = async (...args) => {
      await drive(prepare(touchedBy(args)))
      return await fs.promises[name](...args)
    }
    face[`${name}Sync`] = (...args) => {
      driveSync(prepare(touchedBy(args)))
      return fs[`${name}Sync`](...args)
    }
    face[name] = (...args) => {
      drive(prepare(touchedBy(args))).then(
        () => fs[name](...args),
        (error) => args.at(-1)(error),
      )
    }
  }
  face.openAsBlob = async (...args) => {
    await drive(prepare(touches.openAsBlob(args)))
    return await fs.openAsBlob(...args)
  }
  face.promises = over(fs.promises, promises)
  const whole = over(fs, face)
  // A stream opens its file through the `fs` that it is given.
  const streamed = (options) => ({ fs: whole, ...(typeof options === 'string' ? { encoding: options } : options) })
  face.createReadStream = (path, options) => fs.createReadStream(path, streamed(options))
  face.createWriteStream = (path, options) => fs.createWriteStream(path, streamed(options))
  for (const name of ['ReadStream', 'WriteStream', 'FileReadStream', 'FileWriteStream']) {
    face[name] = new Proxy(fs[name], {
      construct: (Stream, [path, options]) => new Stream(path, streamed(options)),
      apply: (Stream, _, [path, options]) => new Stream(path, streamed(options)),
    })
  }
  return whole
}

/** An object with some of its properties replaced. */
const over = (object, replaced) =>
  new Proxy(object, {
    get: (target, name) => (Object.hasOwn(replaced, name) ? replaced[name] : Reflect.get(target, name)),
  })
