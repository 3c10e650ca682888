/** Programs about rights, run on a volume and on the host's own filesystem: what each step answers is compared. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ViveFS } from 'vivefs'

export interface Who {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

export const root: Who = { uid: 0, gid: 0, groups: [] }

export type Kind = 'file' | 'dir' | 'link' | 'fifo'

/** What is planted is made by the superuser, exactly so; everything else is done by `who`. */
export type Step =
  | { readonly op: 'plant'; readonly args: readonly [kind: Kind, path: string, mode: number, uid: number, gid: number] }
  | {
      readonly op: 'make' | 'set' | 'get' | 'remove' | 'list' | 'chmod' | 'chown' | 'access' | 'open' | 'names' | 'mode'
      readonly who: Who
      readonly umask?: number
      readonly args: readonly (string | number)[]
    }

/** An errno, or what the step found. */
export type Answer = string | readonly string[] | null

const BATCH_MS_MAX = 900_000

/** `forks`: a process for each step. Undefined where the host cannot be asked: not the superuser, no Python, no lists on its filesystem. */
export async function onHost(
  programs: readonly (readonly Step[])[],
  directory = '/tmp',
  forks = false,
): Promise<Answer[][] | undefined> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return undefined
  const script = fileURLToPath(new URL('./host.py', import.meta.url))
  const child = spawn('python3', [script, directory, forks ? 'fork' : 'same'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: BATCH_MS_MAX,
  })
  let out = ''
  let trouble = ''
  child.stdout.on('data', (text) => (out += text))
  child.stderr.on('data', (text) => (trouble += text))
  const ended = new Promise<number | null | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', resolve)
  })
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(programs))
  const status = await ended
  if (status instanceof Error) return undefined
  if (status !== 0) throw new Error(`host.py ended with ${status}: ${trouble}`)
  return JSON.parse(out)
}

const asAnswer = (value: unknown): Answer => (value === undefined ? null : (value as Answer))

async function onVolume(vive: ViveFS, directory: string, step: Step): Promise<Answer> {
  const at = (path: string | number): string => `${directory}/${path}`
  if (step.op === 'plant') {
    const { promises } = vive.root.fs
    const [kind, path, mode, uid, gid] = step.args
    await make(vive.root.fs.promises, kind, at(path), 0o600)
    await promises.lchown(at(path), uid, gid)
    if (kind !== 'link') await promises.chmod(at(path), mode)
    return null
  }
  const { promises } = vive.as({ ...step.who, umask: step.umask ?? 0 }).fs
  const [path, first, second, third] = step.args as [string, never, never, never]
  const NOFOLLOW = { follow: false }
  switch (step.op) {
    case 'make':
      return asAnswer(await make(promises, step.args[0] as Kind, at(step.args[1]), step.args[2] as number))
    case 'set': {
      const mode = (['any', 'create', 'replace'] as const)[third as number]
      return asAnswer(await promises.setxattr(at(path), first, Buffer.from(second, 'hex'), { ...NOFOLLOW, mode }))
    }
    case 'get':
      return (await promises.getxattr(at(path), first, NOFOLLOW)).toString('hex')
    case 'remove':
      return asAnswer(await promises.removexattr(at(path), first, NOFOLLOW))
    case 'list':
      return (await promises.listxattr(at(path), NOFOLLOW)).sort()
    case 'chmod':
      return asAnswer(await promises.chmod(at(path), first))
    case 'chown':
      return asAnswer(await promises.chown(at(path), first, second))
    case 'access':
      return asAnswer(await promises.access(at(path), first))
    case 'open': {
      const handle = await promises.open(at(path), { r: 'r', w: 1, rw: 'r+' }[first as 'r'])
      await handle.close()
      return null
    }
    case 'names':
      return (await promises.readdir(at(path))).sort()
    case 'mode':
      return `0o${((await promises.lstat(at(path))).mode & 0o7777).toString(8)}`
  }
}

type Promises = ViveFS['fs']['promises']

async function make(promises: Promises, kind: Kind, path: string, mode: number): Promise<void> {
  if (kind === 'file') await (await promises.open(path, 'wx+', mode)).close()
  else if (kind === 'dir') await promises.mkdir(path, mode)
  else if (kind === 'link') await promises.symlink('nowhere', path)
  else await promises.mkfifo(path, mode)
}

/** Each program in a directory of its own, one after the other. */
export async function onVolumes(programs: readonly (readonly Step[])[]): Promise<Answer[][]> {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  const answers: Answer[][] = []
  for (const [n, program] of programs.entries()) {
    const directory = `/${n}`
    await vive.root.fs.promises.mkdir(directory)
    await vive.root.fs.promises.chmod(directory, 0o777)
    const row: Answer[] = []
    for (const step of program) {
      try {
        row.push(await onVolume(vive, directory, step))
      } catch (error) {
        row.push((error as NodeJS.ErrnoException).code ?? String(error))
      }
    }
    answers.push(row)
    await vive.root.fs.promises.rm(directory, { recursive: true })
  }
  const { findings } = await vive.fsck()
  if (findings.length > 0) throw new Error(`fsck: ${JSON.stringify(findings.slice(0, 5))}`)
  return answers
}
