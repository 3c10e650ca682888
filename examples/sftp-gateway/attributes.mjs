/** What SFTP version 3 says of a file (draft-ietf-secsh-filexfer-02, section 5), from what node:fs says of it. */
const TYPE_LETTERS = { 12: 's', 10: 'l', 8: '-', 6: 'b', 4: 'd', 2: 'c', 1: 'p' }

/** Of Stats. */
export function attributesOf({ mode, uid, gid, size, atime, mtime }) {
  return { mode, uid, gid, size, atime, mtime }
}

function permissions(mode) {
  const letters = [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-'))
  if (mode & 0o4000) letters[2] = letters[2] === 'x' ? 's' : 'S'
  if (mode & 0o2000) letters[5] = letters[5] === 'x' ? 's' : 'S'
  if (mode & 0o1000) letters[8] = letters[8] === 'x' ? 't' : 'T'
  return (TYPE_LETTERS[mode >> 12] ?? '?') + letters.join('')
}

/** The line of `ls -l` that clients print as it is. */
export function longName(name, stats) {
  const time = stats.mtime.toISOString().slice(0, 16).replace('T', ' ')
  const links = String(stats.nlink).padStart(3)
  const owner = `${String(stats.uid).padEnd(6)} ${String(stats.gid).padEnd(6)}`
  return `${permissions(stats.mode)} ${links} ${owner} ${String(stats.size).padStart(12)} ${time} ${name}`
}

/** Sets on a FileHandle, or through `fs` on a path, what the client sent. Only what is there is set. */
export async function setAttributes(target, { size, uid, gid, mode, atime, mtime }) {
  if (size !== undefined) await target.truncate(size)
  if (uid !== undefined && gid !== undefined) await target.chown(uid, gid)
  if (mode !== undefined) await target.chmod(mode & 0o7777)
  if (atime !== undefined && mtime !== undefined) await target.utimes(atime, mtime)
}

/** The functions that {@link setAttributes} calls, on one path. */
export function onPath(fs, path) {
  return {
    truncate: (size) => fs.truncate(path, size),
    chown: (uid, gid) => fs.chown(path, uid, gid),
    chmod: (mode) => fs.chmod(path, mode),
    utimes: (atime, mtime) => fs.utimes(path, atime, mtime),
  }
}
