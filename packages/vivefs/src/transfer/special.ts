/**
 * FIFOs, sockets and devices on the host. Node has no mknod: FIFOs and devices are made by the commands mkfifo(1) and
 * mknod(1), a socket by listening on it. Programs take names as text only, so each is made under a plain name in the
 * root of the export and moved to where it belongs.
 */
import { spawn } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../core/mode.ts'
import { codeOf } from './findings.ts'
import { joinPath } from './host.ts'

/** sun_path of the systems that have the shortest. */
const SOCKET_PATH_BYTES_MAX = 103

export interface Special {
  /** S_IFMT bits. */
  readonly type: number
  readonly rdevMajor: number
  readonly rdevMinor: number
}

let serial = 0

/** Makes it, or answers why it cannot be made here. */
export async function makeSpecial(root: Buffer, path: Buffer, what: Special): Promise<string | undefined> {
  if (process.platform === 'win32') return 'this system has no such files'
  const rootText = root.toString('utf8')
  if (!Buffer.from(rootText).equals(root)) return 'the name of the target directory is not UTF-8'
  const plain = `.vivefs-${process.pid}-${++serial}`
  const plainPath = joinPath(root, plain)
  const reason = await make(rootText, plain, what)
  if (reason !== undefined) return reason
  try {
    renameSync(plainPath, path)
  } catch (error) {
    rmSync(plainPath as unknown as string, { force: true })
    throw error
  }
  return undefined
}

async function make(root: string, name: string, { type, rdevMajor, rdevMinor }: Special): Promise<string | undefined> {
  switch (type) {
    case S_IFIFO:
      return await command('mkfifo', [`${root}/${name}`])
    case S_IFSOCK:
      return await listenOnce(`${root}/${name}`)
    case S_IFCHR:
    case S_IFBLK: {
      if (process.geteuid?.() !== 0) return 'devices are made by the superuser only'
      const kind = type === S_IFCHR ? 'c' : 'b'
      return await command('mknod', [`${root}/${name}`, kind, String(rdevMajor), String(rdevMinor)])
    }
    default:
      return `unknown type ${type.toString(8)}`
  }
}

function command(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text
    })
    child.on('error', (error) => resolve(`${program}: ${codeOf(error) ?? error.message}`))
    child.on('close', (status) => {
      resolve(status === 0 ? undefined : complaint.trim().split('\n')[0] || `${program} ended with ${status}`)
    })
  })
}

/** The file of a socket stays when the server is closed after the file was moved; so it is moved by way of a second name. */
function listenOnce(path: string): Promise<string | undefined> {
  if (Buffer.byteLength(path) + 2 > SOCKET_PATH_BYTES_MAX) return Promise.resolve('the path is too long for a socket')
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', (error) => resolve(`socket: ${codeOf(error) ?? error.message}`))
    server.listen(`${path}.s`, () => {
      try {
        renameSync(`${path}.s`, path)
        server.close(() => resolve(undefined))
      } catch (error) {
        server.close(() => resolve(`socket: ${codeOf(error)}`))
      }
    })
  })
}
