/** From the workspace back to a real directory: what has changed since a step is written there, when somebody has looked at it and wants it. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

/** A new file takes the place of the old one when it is whole. */
function replace(host, bytes, mode) {
  const beside = `${host}.new-${process.pid}`
  writeFileSync(beside, bytes, { mode: mode & 0o777 })
  renameSync(beside, host)
}

/** Copies one path of the volume out, directories with all they hold; `refused` gets the links that lead out of `top`. */
async function copyOut(fs, top, path, host, refused) {
  const stats = await fs.lstat(path)
  if (stats.isDirectory()) {
    mkdirSync(host, { recursive: true })
    for (const name of await fs.readdir(path)) await copyOut(fs, top, posix.join(path, name), join(host, name), refused)
  } else if (stats.isSymbolicLink()) {
    const target = await fs.readlink(path)
    if (posix.isAbsolute(target) || !`${posix.resolve(dirname(path), target)}/`.startsWith(`${top}/`)) {
      refused.push(path)
      return
    }
    rmSync(host, { force: true })
    symlinkSync(target, host)
  } else if (stats.isFile()) replace(host, await fs.readFile(path), stats.mode)
  else refused.push(path)
}

/**
 * Writes `changes` (of `snapshots.diff`) below `top` into the directory `host`. Answers the paths that were left out: links that lead out of the
 * project, and what is neither file nor directory nor link.
 */
export async function applyChanges(fs, top, changes, host) {
  const refused = []
  const below = changes.filter(({ path }) => path.startsWith(`${top}/`))
  const at = (path) => join(host, path.slice(top.length + 1))
  const removed = below.filter(({ kind }) => kind === 'removed').map(({ path }) => path)
  for (const path of removed.sort().reverse()) rmSync(at(path), { recursive: true, force: true })
  for (const { kind, path, isDirectory } of below) {
    if (kind === 'removed' || (kind === 'modified' && isDirectory)) continue
    mkdirSync(dirname(at(path)), { recursive: true })
    await copyOut(fs, top, path, at(path), refused)
  }
  return [...new Set(refused)]
}
