/**
 * Follows the README of an example literally: the commands in it, one after the other, as somebody types them who has never seen it. A program
 * that says where it listens stays until the end; whoever asks for a password or about an unknown host is answered.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const COMMAND_MS = 180_000
const END_MS = 15_000
const LISTENS = /127\.0\.0\.1/
/** What is typed into programs that ask what to do. */
const TYPED = { sftp: 'ls\nbye\n', cadaver: 'ls\nbye\n' }

/** The commands of a README: its indented lines, in order. */
export const commandsOf = (readme) => [...readme.matchAll(/^ {4}(\S.*)$/gm)].map(([, line]) => line.trim())

/** Why a command cannot be followed on this machine, or undefined. */
function obstacleOf(command) {
  const [program, ...words] = command.split(' ')
  if (words.includes('electron') && process.env.DISPLAY === undefined)
    return 'it opens windows, and there is no display'
  if (spawnSync('which', [program]).status !== 0) return `${program} is not installed`
  return undefined
}

/**
 * Surroundings in which passwords are known: `alice` is `secret` in every README. Nothing of the user's own is read or written: the home is another,
 * and OpenSSH, which does not ask for that, gets its list of hosts from there.
 */
function surroundings(home) {
  const bin = join(home, 'bin')
  mkdirSync(bin, { recursive: true })
  const program = (name, text) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
    return join(bin, name)
  }
  program('sftp', `exec "$(PATH="$PATH_BEFORE" command -v sftp)" -o UserKnownHostsFile="${home}/known_hosts" "$@"`)
  const answers = program('answers', 'case "$1" in *yes/no*) echo yes ;; *) echo secret ;; esac')
  writeFileSync(join(home, '.netrc'), 'machine 127.0.0.1 login alice password secret\n', { mode: 0o600 })
  const { PATH } = process.env
  return {
    ...process.env,
    HOME: home,
    PATH: `${bin}${delimiter}${PATH}`,
    PATH_BEFORE: PATH,
    SSH_ASKPASS: answers,
    SSH_ASKPASS_REQUIRE: 'force',
    npm_config_yes: 'false',
  }
}

/** Starts a command in a group of its own; answers when it has ended, or says where it listens: `{ child, printed, ended }`. */
function start(command, options) {
  const child = spawn(`exec ${command}`, { shell: true, detached: true, stdio: ['pipe', 'pipe', 'pipe'], ...options })
  child.stdin.on('error', () => {}).end(TYPED[command.split(' ')[0]] ?? '')
  let printed = ''
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      process.kill(-child.pid, 'SIGKILL')
      printed += `\n(not ended within ${COMMAND_MS / 1000} s)`
    }, COMMAND_MS)
    const finish = (ended) => {
      clearTimeout(timer)
      resolve({ child, printed, ended })
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        printed += text
        if (command.startsWith('node ') && LISTENS.test(text)) finish(false)
      })
    }
    child.on('close', () => finish(true))
  })
}

/** Ends a program as Ctrl-C does; answers whether it ended well. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return false
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code === 0)))
  process.kill(-child.pid, 'SIGINT')
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), END_MS)
  const isGood = await ended
  clearTimeout(timer)
  return isGood
}

/** Follows the README in `folder`, with `home` for what programs keep; prints what was done, and answers what failed. */
export async function followReadme(folder, home) {
  const failures = []
  const listening = []
  const env = surroundings(home)
  for (const command of commandsOf(readFileSync(join(folder, 'README.md'), 'utf8'))) {
    const obstacle = obstacleOf(command)
    if (obstacle !== undefined) {
      console.log(`- not followed: ${command} (${obstacle})`)
      continue
    }
    const { child, printed, ended } = await start(command, { cwd: folder, env })
    if (!ended) listening.push([command, child])
    if (ended && child.exitCode !== 0) failures.push(`${command}\n${printed.slice(-2000)}`)
    else console.log(`+ README: ${command}`)
  }
  for (const [command, child] of listening)
    if (!(await end(child))) failures.push(`${command}: did not end well by SIGINT`)
  for (const failure of failures) console.log(`! README: ${failure}`)
  return failures
}
