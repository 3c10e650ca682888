/** A tree as text, one line for each name: to compare a volume with an oracle, or with itself at another time. */
import { createHash } from 'node:crypto'
import { superuser } from '../../src/core/mode.ts'
import type { Handle } from '../../src/fsal/handle.ts'
import type { Fsal } from '../../src/fsal/types.ts'
import { runAsync } from '../../src/op.ts'
import { KIND_BITS, type Node } from './oracle.ts'

/** Content beyond this is not looked at. */
const CONTENT_BYTES_MAX = 2 * 1024 * 1024

const hash = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex').slice(0, 12)
const line = (
  path: string,
  mode: number,
  uid: number,
  gid: number,
  nlink: number,
  size: number,
  content: string,
): string => [JSON.stringify(path), mode.toString(8), uid, gid, nlink, size, content].join(' ')

/** Every name of a volume. */
export async function fingerprint(fsal: Fsal, handle: Handle = fsal.root(), path = ''): Promise<string[]> {
  const { mode, uid, gid, nlink, size } = await runAsync(fsal.getattr(superuser, handle, undefined))
  const kind = mode & 0o170000
  let content = ''
  if (kind === KIND_BITS.file) {
    const into = Buffer.alloc(Math.min(size, CONTENT_BYTES_MAX))
    await runAsync(fsal.read(superuser, handle, { offset: 0, into }))
    content = hash(into)
  } else if (kind === KIND_BITS.symlink) {
    content = hash(await runAsync(fsal.readlink(superuser, handle, undefined)))
  }
  const lines = [line(path, mode, uid, gid, nlink, size, content)]
  for (const name of await runAsync(fsal.listxattr(superuser, handle, undefined))) {
    lines.push(`${path} ${name} ${hash(await runAsync(fsal.getxattr(superuser, handle, { name })))}`)
  }
  if (kind !== KIND_BITS.directory) return lines
  const page = await runAsync(fsal.readdir(superuser, handle, { cookie: 0n, limit: 10_000, plus: true }))
  for (const { name, entry } of page.lines) {
    lines.push(...(await fingerprint(fsal, entry!.handle, `${path}/${name.toString('latin1')}`)))
  }
  return path === '' ? lines.sort() : lines
}

/** Every name of an oracle's tree. */
export function fingerprintOf(node: Node, path = ''): string[] {
  let content = ''
  let size = node.size
  if (node.kind === 'file') {
    const bytes = Buffer.alloc(Math.min(node.size, CONTENT_BYTES_MAX))
    bytes.set(node.data.subarray(0, bytes.length))
    content = hash(bytes)
  } else if (node.kind === 'symlink') {
    content = hash(Buffer.from(node.target, 'latin1'))
  } else if (node.kind === 'directory') {
    size = node.entries.size * 32
  }
  const lines = [line(path, KIND_BITS[node.kind] | node.mode, node.uid, node.gid, node.nlink, size, content)]
  for (const [name, value] of node.xattrs) lines.push(`${path} ${name} ${hash(value)}`)
  for (const [name, child] of node.entries) lines.push(...fingerprintOf(child, `${path}/${name}`))
  return path === '' ? lines.sort() : lines
}
