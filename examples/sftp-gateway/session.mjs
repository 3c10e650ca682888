/**
 * One SFTP session: the requests of version 3 (draft-ietf-secsh-filexfer-02) on the `fs.promises` of one user's view. Every right
 * is checked by the volume.
 */
import { posix } from 'node:path'
import ssh2 from 'ssh2'
import { attributesOf, longName, onPath, setAttributes } from './attributes.mjs'

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp

const HANDLES_MAX = 256
const READ_MAX = 256 * 1024
const NAMES_A_PAGE = 100

const STATUS = {
  ENOENT: STATUS_CODE.NO_SUCH_FILE,
  ENOTDIR: STATUS_CODE.NO_SUCH_FILE,
  EACCES: STATUS_CODE.PERMISSION_DENIED,
  EPERM: STATUS_CODE.PERMISSION_DENIED,
  EROFS: STATUS_CODE.PERMISSION_DENIED,
  ENOSYS: STATUS_CODE.OP_UNSUPPORTED,
}

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** The flags of open(2) for those of SFTP. */
function openFlags(bits, constants) {
  const isRead = (bits & OPEN_MODE.READ) !== 0
  const isWrite = (bits & OPEN_MODE.WRITE) !== 0 || (bits & OPEN_MODE.APPEND) !== 0
  let flags = isRead && isWrite ? constants.O_RDWR : isWrite ? constants.O_WRONLY : constants.O_RDONLY
  if (bits & OPEN_MODE.APPEND) flags |= constants.O_APPEND
  if (bits & OPEN_MODE.CREAT) flags |= constants.O_CREAT
  if (bits & OPEN_MODE.TRUNC) flags |= constants.O_TRUNC
  if (bits & OPEN_MODE.EXCL) flags |= constants.O_EXCL
  return flags
}

/** What is open in one session: files, and listings that are under way. */
class Handles {
  #next = 0
  #open = new Map()

  add(entry) {
    if (this.#open.size >= HANDLES_MAX) throw new Refusal(STATUS_CODE.FAILURE, 'too many open files')
    const id = Buffer.alloc(4)
    id.writeUInt32BE(this.#next++ >>> 0)
    this.#open.set(id.toString('hex'), entry)
    return id
  }

  get(id, kind) {
    const entry = this.#open.get(id.toString('hex'))
    if (entry?.[kind] === undefined) throw new Refusal(STATUS_CODE.FAILURE, 'no such handle')
    return entry[kind]
  }

  async close(id) {
    const entry = this.#open.get(id.toString('hex'))
    if (entry === undefined) throw new Refusal(STATUS_CODE.FAILURE, 'no such handle')
    this.#open.delete(id.toString('hex'))
    await (entry.file ?? entry.directory).close()
  }

  async closeAll() {
    const entries = [...this.#open.values()]
    this.#open.clear()
    for (const { file, directory } of entries) await (file ?? directory).close().catch(() => {})
  }
}

/** Answers the requests of `sftp` (ssh2) from `fs`; `home` is where relative paths begin. */
export function serveSession(sftp, fs, home) {
  const handles = new Handles()
  const at = (path) => posix.resolve(home, path)
  const file = (id) => handles.get(id, 'file')
  const done = (id) => sftp.status(id, STATUS_CODE.OK)

  const answer = {
    async OPEN(id, path, bits, attributes) {
      const opened = await fs.open(at(path), openFlags(bits, fs.constants), (attributes.mode ?? 0o666) & 0o7777)
      sftp.handle(id, handles.add({ file: opened }))
    },
    async READ(id, handle, offset, length) {
      const into = Buffer.allocUnsafe(Math.min(length, READ_MAX))
      const { bytesRead } = await file(handle).read(into, 0, into.length, offset)
      if (bytesRead === 0) sftp.status(id, STATUS_CODE.EOF)
      else sftp.data(id, into.subarray(0, bytesRead))
    },
    async WRITE(id, handle, offset, data) {
      const opened = file(handle)
      for (let at = 0; at < data.length; ) {
        at += (await opened.write(data, at, data.length - at, offset + at)).bytesWritten
      }
      done(id)
    },
    async FSTAT(id, handle) {
      sftp.attrs(id, attributesOf(await file(handle).stat()))
    },
    async FSETSTAT(id, handle, attributes) {
      await setAttributes(file(handle), attributes)
      done(id)
    },
    async CLOSE(id, handle) {
      await handles.close(handle)
      done(id)
    },
    async OPENDIR(id, path) {
      const directory = await fs.opendir(at(path))
      sftp.handle(id, handles.add({ directory }))
    },
    async READDIR(id, handle) {
      const directory = handles.get(handle, 'directory')
      const names = []
      for (let entry = await directory.read(); entry !== null; entry = await directory.read()) {
        const stats = await fs.lstat(posix.join(directory.path, entry.name)).catch(() => undefined)
        // Removed since it was listed.
        if (stats === undefined) continue
        names.push({ filename: entry.name, longname: longName(entry.name, stats), attrs: attributesOf(stats) })
        if (names.length === NAMES_A_PAGE) break
      }
      if (names.length === 0) sftp.status(id, STATUS_CODE.EOF)
      else sftp.name(id, names)
    },
    async LSTAT(id, path) {
      sftp.attrs(id, attributesOf(await fs.lstat(at(path))))
    },
    async STAT(id, path) {
      sftp.attrs(id, attributesOf(await fs.stat(at(path))))
    },
    async SETSTAT(id, path, attributes) {
      await setAttributes(onPath(fs, at(path)), attributes)
      done(id)
    },
    async REMOVE(id, path) {
      await fs.unlink(at(path))
      done(id)
    },
    async MKDIR(id, path, attributes) {
      await fs.mkdir(at(path), { mode: (attributes.mode ?? 0o777) & 0o7777 })
      done(id)
    },
    async RMDIR(id, path) {
      await fs.rmdir(at(path))
      done(id)
    },
    async REALPATH(id, path) {
      sftp.name(id, [{ filename: at(path), longname: at(path), attrs: {} }])
    },
    async READLINK(id, path) {
      const target = await fs.readlink(at(path))
      sftp.name(id, [{ filename: target, longname: target, attrs: {} }])
    },
    async SYMLINK(id, path, target) {
      await fs.symlink(target, at(path))
      done(id)
    },
    /** Version 3 does not replace what is there. */
    async RENAME(id, from, to) {
      await fs.rename(at(from), at(to), { noReplace: true })
      done(id)
    },
  }

  for (const [request, act] of Object.entries(answer)) {
    sftp.on(request, (id, ...given) => {
      act(id, ...given).catch((error) => {
        sftp.status(id, error.status ?? STATUS[error.code] ?? STATUS_CODE.FAILURE, error.message)
      })
    })
  }
  // The client has said its last word: without an answer it would wait for ever.
  sftp.on('end', () => sftp.end())
  sftp.on('close', () => handles.closeAll())
  sftp.on('error', () => handles.closeAll())
}
