import { type Acl, type AclEntry, rankOf } from '../../acl/acl.ts'
import { minimal, modified, without } from '../../acl/edit.ts'
import { type AclNames, formatAcl, parseAcl, parseEntry, permText } from '../../acl/text.ts'
import { isSymlink } from '../../core/mode.ts'
import type { ViveFS } from '../../vivefs.ts'
import { type Cli, command, type OpenVolume, withVolume } from '../context.ts'
import { accountNames } from '../owner.ts'
import { inodeAtPath, walkVolume } from '../tree-walk.ts'
import { UsageError } from '../usage.ts'
import { pathInSameVolume, volumePathOf } from '../volume-path.ts'

interface SetFlags {
  readonly modify?: string
  readonly remove?: string
  readonly set?: string
  readonly removeAll?: boolean
  readonly removeDefault?: boolean
  readonly default?: boolean
  readonly mask: boolean
  readonly recursive?: boolean
}

/** Numbers of the volume's users and groups by their names. */
async function namesOf(vive: ViveFS): Promise<AclNames> {
  const users = new Map((await vive.users.list()).map(({ name, uid }) => [name, uid]))
  const groups = new Map((await vive.groups.list()).map(({ name, gid }) => [name, gid]))
  return { user: (name) => users.get(name), group: (name) => groups.get(name) }
}

/** Text that makes no sense is the fault of the command line. */
function understood<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error
  }
}

/** What the flags make of a list; `undefined`: nothing of it stays. */
function changeOf(flags: SetFlags, names: AclNames): (acl: Acl) => Acl {
  const put = flags.modify === undefined ? [] : understood(() => parseAcl(flags.modify as string, names))
  const taken = (flags.remove ?? '').split(',').filter((each) => each.trim() !== '')
  const gone = understood(() => taken.map((each) => parseEntry(each, names)))
  const whole = flags.set === undefined ? undefined : understood(() => parseAcl(flags.set as string, names))
  return (acl) => {
    let list = whole ?? (flags.removeAll === true ? minimal(acl) : acl)
    if (gone.length > 0) list = without(list, gone, !flags.mask)
    if (whole !== undefined || put.length > 0) list = modified(list, put, !flags.mask)
    return list
  }
}

async function change({ fs }: OpenVolume, path: Buffer, flags: SetFlags, edit: (acl: Acl) => Acl): Promise<void> {
  const access = (await fs.getAcl(path)) as Acl
  if (flags.default === true) {
    // A default list begins with what the directory itself has.
    const defaults = await fs.getAcl(path, { kind: 'default' })
    await fs.setAcl(path, edit(defaults ?? minimal(access)), { kind: 'default' })
  } else {
    await fs.setAcl(path, edit(access))
  }
  if (flags.removeDefault === true || (flags.removeAll === true && flags.default !== true)) {
    await fs.setAcl(path, null, { kind: 'default' })
  }
}

/** `vivefs setfacl` */
export function setfacl(cli: Cli): void {
  command(cli, 'setfacl <VOLUME:PATH> [PATHS...]', 'change access control lists, as setfacl(1)', [
    'vivefs setfacl photos.vive:/years -m u:alice:rwx,g:50:rx -R',
    'vivefs setfacl photos.vive:/years -d -m g:50:rwx      # what new files in it begin with',
  ])
    .option('-m, --modify <ACL>', 'put these entries: u:NAME:rwx, g:50:r, m::rx, o::-')
    .option('-x, --remove <ACL>', 'take these entries out: u:NAME, g:50')
    .option('--set <ACL>', 'this list and nothing else')
    .option('-b, --remove-all', 'keep owner, group and others only, and no default list')
    .option('-k, --remove-default', 'no default list')
    .option('-d, --default', 'the default list of directories')
    .option('-n, --no-mask', 'leave the mask as it is')
    .option('-R, --recursive', 'all below too; symbolic links are left alone')
    .action(async (first: string, rest: string[], flags: SetFlags) => {
      const { modify, remove, set, removeAll, removeDefault } = flags
      if (![modify, remove, set, removeAll, removeDefault].some((each) => each !== undefined)) {
        throw new UsageError('nothing to change: -m, -x, --set, -b or -k')
      }
      const { volume, path } = volumePathOf(first)
      const paths = [path, ...rest.map((each) => pathInSameVolume(each, volume))]
      await withVolume(cli, volume, async (open) => {
        const edit = changeOf(flags, await namesOf(open.vive))
        let changed = 0
        for (const each of paths) {
          const inode = await inodeAtPath(open.core, each, true)
          if (flags.recursive !== true || (inode.mode & 0o170000) !== 0o040000) {
            await change(open, Buffer.from(each), flags, edit)
            changed++
            continue
          }
          for await (const visited of walkVolume(open.core, each, cli.signal)) {
            const isDirectory = (visited.inode.mode & 0o170000) === 0o040000
            if (isSymlink(visited.inode) || (flags.default === true && !isDirectory)) continue
            await change(open, visited.path, flags, edit)
            changed++
          }
        }
        if (cli.output.json) await cli.output.result({ changed }, '')
      })
    })
}

/** As getfacl(1): what the mask takes is said beside an entry. */
function lines(acl: Acl, prefix: string, nameOf: (entry: AclEntry) => string): string {
  const mask = acl.find(({ tag }) => tag === 'mask')?.perm ?? 7
  return acl
    .map((entry) => {
      const rank = rankOf(entry)
      const isMasked = rank >= 1 && rank <= 3 && (entry.perm & mask) !== entry.perm
      const effective = isMasked ? `\t#effective:${permText(entry.perm & mask)}` : ''
      return `${prefix}${formatAcl([entry], '', nameOf)}${effective}\n`
    })
    .join('')
}

/** `vivefs getfacl` */
export function getfacl(cli: Cli): void {
  command(cli, 'getfacl <VOLUME:PATH> [PATHS...]', 'show access control lists, as getfacl(1)', [
    'vivefs getfacl photos.vive:/years',
  ]).action(async (first: string, rest: string[]) => {
    const { volume, path } = volumePathOf(first)
    const paths = [path, ...rest.map((each) => pathInSameVolume(each, volume))]
    await withVolume(
      cli,
      volume,
      async ({ vive, core, fs }) => {
        const { user, group } = await accountNames(vive)
        const nameOf = ({ tag, id }: AclEntry): string =>
          id === undefined ? '' : tag === 'user' ? user(id) : group(id)
        for (const each of paths) {
          const { uid, gid } = await inodeAtPath(core, each, true)
          const access = (await fs.getAcl(each)) as Acl
          const defaults = await fs.getAcl(each, { kind: 'default' })
          const head = `# file: ${each}\n# owner: ${user(uid)}\n# group: ${group(gid)}\n`
          const text = head + lines(access, '', nameOf) + lines(defaults ?? [], 'default:', nameOf)
          await cli.output.item({ path: each, uid, gid, access, default: defaults ?? null }, text)
        }
      },
      { readOnly: true },
    )
  })
}
