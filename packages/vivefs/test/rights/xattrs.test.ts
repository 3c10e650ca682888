/** Extended attributes by namespace, file type and person: the same errnos as the host's own filesystem, in the same order. */
import { expect, test } from 'vitest'
import { type Kind, onHost, onVolumes, root, type Step, type Who } from './programs.ts'

const alice: Who = { uid: 1000, gid: 1000, groups: [] }
const carol: Who = { uid: 2000, gid: 2000, groups: [1000] }
const bob: Who = { uid: 3000, gid: 3000, groups: [] }

const NAMES = [
  'user.a',
  'user.',
  'user',
  'trusted.a',
  'trusted.',
  'security.a',
  'security.',
  'security.capability',
  'system.a',
  'system.',
  'system.posix_acl_access',
  'system.posix_acl_default',
  'other.a',
  'Trusted.a',
  '.a',
  'a',
  '',
  `user.${'x'.repeat(250)}`,
  `user.${'x'.repeat(251)}`,
  'user.\u00fc',
]

const FILES: readonly (readonly [Kind, number])[] = [
  ['file', 0o644],
  ['file', 0o620],
  ['file', 0o000],
  ['dir', 0o755],
  ['dir', 0o1777],
  ['link', 0o777],
  ['fifo', 0o666],
]

const ANY = 0
const CREATE = 1
const REPLACE = 2

function cells(): { name: string; program: Step[] }[] {
  const found: { name: string; program: Step[] }[] = []
  for (const [kind, mode] of FILES) {
    for (const name of NAMES) {
      const program: Step[] = [{ op: 'plant', args: [kind, 'f', mode, 1000, 1000] }]
      const by = (who: Who, op: 'set' | 'get' | 'remove' | 'list', ...args: (string | number)[]) =>
        program.push({ op, who, args: ['f', ...args] })
      for (const who of [alice, carol, bob, root]) {
        by(who, 'set', name, '7661', ANY)
        by(who, 'get', name)
        by(who, 'list')
        by(who, 'set', name, '62', CREATE)
        // The kernel checks neither right nor shape of capabilities of no bytes; here they are of a wrong shape.
        by(who, 'set', name, name === 'security.capability' ? '62' : '', REPLACE)
        by(who, 'get', name)
        by(who, 'remove', name)
        by(who, 'remove', name)
        by(who, 'set', name, '62', REPLACE)
      }
      // What the superuser has put there, others see or do not.
      by(root, 'set', name, '7661', ANY)
      for (const who of [alice, carol, bob, root]) {
        by(who, 'get', name)
        by(who, 'list')
      }
      found.push({ name: `${kind} ${mode.toString(8)} ${name.slice(0, 30)}`, program })
    }
  }
  const capability = '0100000200200000000000000000000000000000'
  const program: Step[] = [{ op: 'plant', args: ['file', 'f', 0o755, 1000, 1000] }]
  for (const who of [alice, root]) {
    for (const value of [capability, capability.slice(2), `${capability}00000000`, capability.replace('02', '03')]) {
      program.push({ op: 'set', who, args: ['f', 'security.capability', value, ANY] })
    }
    program.push({ op: 'get', who, args: ['f', 'security.capability'] })
    program.push({ op: 'set', who, args: ['f', 'user.big', '00'.repeat(65_537), ANY] })
    program.push({ op: 'set', who, args: ['none', 'user.big', '00'.repeat(65_537), ANY] })
    program.push({ op: 'set', who, args: ['none', 'user.big', '00', ANY] })
  }
  found.push({ name: 'capabilities and sizes', program })
  return found
}

test('namespaces, types and persons: as the host', async (context) => {
  const all = cells()
  const programs = all.map(({ program }) => program)
  const hosts = await onHost(programs)
  if (hosts === undefined) context.skip('the host cannot be asked: needs the superuser, Python and ext4')
  const ours = await onVolumes(programs)
  const different: string[] = []
  let steps = 0
  for (const [n, { name, program }] of all.entries()) {
    for (const [i, step] of program.entries()) {
      steps++
      if (JSON.stringify(ours[n][i]) !== JSON.stringify(hosts![n][i])) {
        different.push(
          `${name}: ${JSON.stringify(step).slice(0, 160)}: host ${JSON.stringify(hosts![n][i])}, volume ${JSON.stringify(ours[n][i])}`,
        )
      }
    }
  }
  expect(different.slice(0, 20)).toEqual([])
  console.log(`xattrs: ${all.length} cells, ${steps} steps as the host`)
})
