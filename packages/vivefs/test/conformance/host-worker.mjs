/**
 * The filesystem of the host for the suite: a hub that starts one process for each person and passes messages on.
 *
 * Hub: `node host-worker.mjs hub DIR`, in a mount namespace of its own, so that DIR can be mounted read-only and nothing
 * is left behind. Person: `node host-worker.mjs person JSON`, which becomes that person for good.
 */
import { execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const [, , role, argument] = process.argv

if (role === 'hub') hub(argument)
else person(JSON.parse(argument))

function hub(directory) {
  const workers = new Map()
  leaveOtherMounts(directory)
  execFileSync('mount', ['--bind', directory, directory])
  process.on('disconnect', () => process.exit())
  process.on('message', (message) => {
    const { who, credentials, mount } = message
    if (mount !== undefined) {
      execFileSync('mount', ['-o', `remount,bind,${mount}`, directory])
      process.send({ id: message.id })
      return
    }
    let worker = workers.get(who)
    if (worker === undefined) {
      worker = fork(fileURLToPath(import.meta.url), ['person', JSON.stringify(credentials)], {
        serialization: 'advanced',
      })
      worker.on('message', (answer) => process.send(answer))
      workers.set(who, worker)
    }
    worker.send(message)
  })
}

/** Other FUSE mounts of this moment are in this namespace too, and would live on here when they are unmounted outside. */
function leaveOtherMounts(directory) {
  for (const line of fs.readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, point = '', type = ''] = line.split(' ')
    const isOther = type.startsWith('fuse.') && directory !== point && !directory.startsWith(`${point}/`)
    // Gone meanwhile is gone.
    if (isOther) spawnSync('umount', ['-l', point], { stdio: 'ignore' })
  }
}

function person({ uid, gid, groups, umask }) {
  // Python first: its own files may be out of an ordinary person's reach.
  const extras = startExtras({ uid, gid, groups, umask })
  process.umask(umask)
  process.setgroups([...groups])
  process.setgid(gid)
  process.setuid(uid)
  const objects = new Map()
  let count = 0

  const keep = (object, kind, more) => {
    objects.set(++count, object)
    return { $: kind, object: count, ...more }
  }
  const typeOf = (entry) =>
    ['isFile', 'isDirectory', 'isSymbolicLink', 'isFIFO', 'isSocket'].find((method) => entry[method]())
  const pack = (value) => {
    if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
    if (Array.isArray(value)) return value.map(pack)
    if (typeof value.datasync === 'function') return keep(value, 'handle', { fd: value.fd })
    if (typeof value.isFile === 'function' && 'mode' in value) return { $: 'stats', fields: { ...value } }
    if (typeof value.isFile === 'function') return { $: 'dirent', name: value.name, type: typeOf(value) }
    if (typeof value.closeSync === 'function') return keep(value, 'dir', {})
    return { ...value }
  }
  const call = ({ target, object, method, args }) => {
    if (target === 'promises') return fs.promises[method](...args)
    if (target === 'object') return objects.get(object)[method](...args)
    if (target === 'extras') return extras(method, args)
    return new Promise((resolve, reject) => {
      fs[method](...args, (error, result) => (error ? reject(error) : resolve(result)))
    })
  }
  process.on('disconnect', () => process.exit())
  process.on('message', async (message) => {
    try {
      process.send({ id: message.id, result: pack(await call(message)) })
    } catch (error) {
      const { errno, syscall, path, dest } = error
      const code = codeOf(error)
      const text = error.message.replace(error.code, code)
      process.send({ id: message.id, error: { message: text, code, errno, syscall, path, dest } })
    }
  })
}

const namesOfErrors = new Map(Object.entries(constants.errno).map(([name, number]) => [-number, name]))

/** node:fs has no name for some errors of the kernel, EDQUOT among them. */
function codeOf({ code, errno }) {
  return code?.startsWith('Unknown system error') ? (namesOfErrors.get(errno) ?? code) : code
}

/** What node:fs has no function for, asked of the kernel by way of Python; answers come in any order. */
function startExtras(who) {
  const script = fileURLToPath(new URL('host-extras.py', import.meta.url))
  const python = spawn('python3', [script, JSON.stringify(who)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map()
  let count = 0
  createInterface({ input: python.stdout }).on('line', (line) => {
    const answer = JSON.parse(line)
    waiting.get(answer.id)(answer)
    waiting.delete(answer.id)
  })
  return async (method, args) => {
    const sent = method === 'linkHandle' ? [process.pid, ...args] : args
    const plain = sent.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value))
    const id = ++count
    const answer = await new Promise((resolve) => {
      waiting.set(id, resolve)
      python.stdin.write(`${JSON.stringify([id, method, plain])}\n`)
    })
    if (answer.code !== undefined) throw refusal(method, answer.code, args)
    return method === 'getxattr' ? Buffer.from(answer.result, 'hex') : answer.result
  }
}

const syscalls = {
  linkHandle: 'link',
  openLocker: 'open',
  lock: 'fcntl',
  unlock: 'fcntl',
  test: 'fcntl',
}

function refusal(method, code, args) {
  const syscall = syscalls[method] ?? method
  const isPair = method === 'rename'
  return Object.assign(new Error(`${code}: ${syscall}`), {
    code,
    errno: -constants.errno[code],
    syscall,
    ...(typeof args[0] === 'string' ? { path: args[0] } : {}),
    ...(isPair ? { dest: args[1] } : {}),
  })
}
