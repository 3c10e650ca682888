/** Guest program: wrong use of every device must fail with its code and destroy nothing. Setups: nvme smr smr-null hdd tape zonefs. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import {
  isMediumError,
  type MediumErrorCode,
  openBlock,
  openTapeDrive,
  openZonedBlock,
  openZonefs,
  scanMedia,
} from '@vivefs/media'
import { Runner } from './runner.ts'

const node = (name: string) => realpathSync(`/dev/vm/${name}`)
const shell = (command: string) => execFileSync('bash', ['-c', command], { encoding: 'utf8', stdio: 'pipe' })
const NOBODY = 65_534

async function refused(run: () => Promise<{ close(): Promise<void> }>, ...codes: MediumErrorCode[]): Promise<string> {
  let opened: { close(): Promise<void> }
  try {
    opened = await run()
  } catch (error) {
    assert.ok(isMediumError(error), `not a MediumError: ${String(error)}`)
    assert.ok(codes.includes(error.code), `${error.message} is not one of ${codes.join(', ')}`)
    return error.message
  }
  await opened.close()
  assert.fail(`must fail with ${codes.join(' or ')}`)
}

async function asNobody(body: () => Promise<unknown>): Promise<void> {
  process.seteuid!(NOBODY)
  try {
    await body()
  } finally {
    process.seteuid!(0)
  }
}

const runner = new Runner()
const { it } = runner

it('a mounted filesystem is in use; unmounted it is foreign and stays whole', async () => {
  const disk = node('hdd')
  shell(`mkfs.ext4 -q ${disk} && mkdir -p /mnt/hdd && mount ${disk} /mnt/hdd && echo precious > /mnt/hdd/file`)
  for (const format of [false, true, 'overwrite'] as const) {
    await refused(() => openBlock({ path: disk, format }), 'MEDIA_LOCKED')
  }
  shell('umount /mnt/hdd')
  for (const format of [false, true]) {
    const message = await refused(() => openBlock({ path: disk, format }), 'MEDIA_FOREIGN')
    assert.match(message, /ext2, ext3 or ext4/)
  }
  shell(`mount ${disk} /mnt/hdd`)
  assert.equal(readFileSync('/mnt/hdd/file', 'utf8'), 'precious\n')
  shell(`umount /mnt/hdd && fsck.ext4 -fn ${disk}`)
})

it('every filesystem that the lab can make is named and refused', async () => {
  const disk = node('hdd')
  for (const [make, name] of [
    ['mkfs.xfs -q -f', /xfs/],
    ['mkfs.btrfs -q -f', /btrfs/],
    ['mkfs.f2fs -q -f', /f2fs/],
    ['mkswap -f', /swap/],
  ] as const) {
    shell(`wipefs -a -q ${disk}; ${make} ${disk}`)
    assert.match(await refused(() => openBlock({ path: disk, format: true }), 'MEDIA_FOREIGN'), name)
  }
  shell(
    `wipefs -a -q ${disk}; dd if=/dev/zero of=${disk} bs=1M count=4 status=none; echo 'label: gpt' | sfdisk -q ${disk}`,
  )
  assert.match(await refused(() => openBlock({ path: disk, format: true }), 'MEDIA_FOREIGN'), /partition table/)
  const medium = await openBlock({ path: disk, format: 'overwrite', zoneCount: 8 })
  await refused(() => openBlock({ path: disk }), 'MEDIA_LOCKED')
  await medium.close()
})

it('another process that has the device keeps us out, and we keep it out', async () => {
  const disk = node('ssd')
  const medium = await openBlock({ path: disk, format: 'overwrite', zoneCount: 8 })
  assert.throws(() => shell(`mkfs.ext4 -q -F ${disk} 2>&1`))
  await medium.close()
  await refused(() => openBlock({ path: disk, id: '00000000-0000-4000-8000-000000000000' }), 'MEDIA_WRONG_MEDIUM')
})

it('a kind of device that the driver does not drive', async () => {
  writeFileSync('/tmp/file', 'a file')
  mkdirSync('/tmp/folder', { recursive: true })
  await refused(() => openBlock({ path: node('zns') }), 'MEDIA_WRONG_DEVICE')
  for (const path of [node('ssd'), '/tmp/file', '/tmp/folder', '/dev/null']) {
    await refused(() => openZonedBlock({ path, format: true }), 'MEDIA_WRONG_DEVICE')
    await refused(() => openTapeDrive({ path, format: true }), 'MEDIA_WRONG_DEVICE')
  }
  for (const path of ['/tmp/file', '/tmp/folder', '/dev/null', node('zns')]) {
    await refused(() => openZonefs({ path, format: true }), 'MEDIA_WRONG_DEVICE')
  }
  await refused(() => openBlock({ path: '/tmp/file', format: true }), 'MEDIA_FOREIGN')
  await refused(() => openTapeDrive({ path: '/dev/st0' }), 'MEDIA_WRONG_DEVICE')
  await refused(() => openBlock({ path: '/dev/nowhere' }), 'MEDIA_NOT_FOUND')
})

it('no permission', () =>
  asNobody(async () => {
    await refused(() => openBlock({ path: node('ssd') }), 'MEDIA_PERMISSION')
    await refused(() => openZonedBlock({ path: node('smr') }), 'MEDIA_PERMISSION', 'MEDIA_LOCKED')
    await refused(() => openZonefs({ path: '/mnt/smr' }), 'MEDIA_PERMISSION')
    await refused(() => openTapeDrive({ path: '/dev/nst0' }), 'MEDIA_PERMISSION')
  }))

it('a zonefs that somebody else wrote to, and the raw device below one', async () => {
  await refused(() => openZonedBlock({ path: node('zns'), format: 'overwrite' }), 'MEDIA_LOCKED')
  await refused(() => openZonefs({ path: '/mnt/zns' }), 'MEDIA_NOT_FORMATTED')
  shell('dd if=/dev/zero of=/mnt/zns/seq/5 bs=4096 count=3 oflag=direct conv=notrunc status=none')
  for (const format of [false, true]) await refused(() => openZonefs({ path: '/mnt/zns', format }), 'MEDIA_FOREIGN')
  shell('test $(stat -c %s /mnt/zns/seq/5) = 12288')
  const medium = await openZonefs({ path: '/mnt/zns', format: 'overwrite' })
  await refused(() => openZonefs({ path: '/mnt/zns' }), 'MEDIA_LOCKED')
  await medium.close()
  shell('umount /mnt/zns')
  assert.match(await refused(() => openZonedBlock({ path: node('zns'), format: true }), 'MEDIA_FOREIGN'), /zonefs/)
})

it('the device says no before we do: its own limits come back as limits', async () => {
  const medium = await openZonefs({ path: '/mnt/smr', format: 'overwrite' })
  const held: number[] = []
  try {
    for (let zone = 20; zone < 28; zone++) held.push(openSync(`/mnt/smr/seq/${zone}`, 'r+'))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EBUSY')
  }
  const sequential = (await medium.report()).find(({ type }) => type !== 'conventional')!.zone
  const block = new Uint8Array(4096)
  await assert.rejects(medium.append(sequential, [block]), (error) => isMediumError(error, 'MEDIA_OPEN_LIMIT'))
  assert.equal((await medium.report())[sequential]!.state, 'empty')
  for (const fd of held) closeSync(fd)
  assert.equal(await medium.append(sequential, [block]), 0)
  await medium.close()
})

it('somebody else wrote to our zone: the append fails, the report tells the truth', async () => {
  const medium = await openZonefs({ path: '/mnt/smr', format: 'overwrite' })
  const zone = (await medium.report()).findIndex(({ type }) => type !== 'conventional') + 2
  const block = new Uint8Array(4096).fill(1)
  await medium.append(zone, [block])
  const file = `/mnt/smr/seq/${zone - 2}`
  shell(`dd if=/dev/zero of=${file} bs=4096 count=1 seek=1 oflag=direct conv=notrunc status=none`)
  await assert.rejects(medium.append(zone, [block]), (error) => isMediumError(error, 'MEDIA_IO'))
  await assert.rejects(medium.append(zone, [block]), (error) => isMediumError(error, 'MEDIA_POINTER_STALE'))
  assert.equal((await medium.report())[zone]!.pointer, 8192)
  assert.equal(await medium.append(zone, [block]), 8192)
  await medium.close()
})

it('zones that the device made read-only or offline', async () => {
  const nullb = '/sys/kernel/config/nullb/smr0'
  const start = (zone: number) => String(zone * 16 * 2048)
  const medium = await openZonefs({ path: '/mnt/smr-null', format: 'overwrite' })
  const first = (await medium.report()).findIndex(({ type }) => type !== 'conventional')
  const block = new Uint8Array(4096).fill(7)
  for (const zone of [first, first + 1, first + 2]) await medium.append(zone, [block])
  await medium.close()
  shell('umount /mnt/smr-null')
  // The device's zones: ours, the superblock's, and zonefs's own before it.
  writeFileSync(`${nullb}/zone_readonly`, start(first + 2))
  writeFileSync(`${nullb}/zone_offline`, start(first + 3))
  shell(`mount -t zonefs -o explicit-open,errors=repair ${node('smr-null')} /mnt/smr-null`)
  const again = await openZonefs({ path: '/mnt/smr-null' })
  const report = await again.report()
  assert.deepEqual(
    report.slice(first, first + 3).map(({ state }) => state),
    // The kernel cannot know how far a read-only zone was written, so at mount it counts as offline.
    ['offline', 'offline', 'closed'],
  )
  const code = (name: MediumErrorCode) => (error: unknown) => isMediumError(error, name)
  for (const zone of [first, first + 1]) {
    await assert.rejects(again.append(zone, [block]), code('MEDIA_ZONE_STATE'))
    await assert.rejects(again.reset(zone), code('MEDIA_ZONE_STATE'))
    await assert.rejects(again.finish(zone), code('MEDIA_ZONE_STATE'))
  }
  await assert.rejects(again.read(first + 1, 0, block), code('MEDIA_ZONE_STATE'))
  assert.equal(await again.append(first + 2, [block]), 4096)
  await again.close()
  shell('umount /mnt/smr-null')
  const raw = await openZonedBlock({ path: node('smr-null'), format: 'overwrite' })
  const states = (await raw.report()).map(({ state }) => state)
  const worn = states.indexOf('read-only')
  assert.deepEqual(states.slice(worn, worn + 3), ['read-only', 'offline', 'empty'])
  for (const zone of [worn, worn + 1]) {
    await assert.rejects(raw.append(zone, [block]), code('MEDIA_ZONE_STATE'))
    await assert.rejects(raw.reset(zone), code('MEDIA_ZONE_STATE'))
  }
  assert.equal(await raw.append(worn + 2, [block]), 0)
  await raw.close()
})

it('a tape: no cartridge, a write-protected one, a foreign one, a drive in use', async () => {
  const path = '/dev/nst0'
  const update = (params: string) =>
    shell(
      `tgtadm --mode logicalunit --op update --tid 1 --lun 1 --params ${params}; mt -f ${path} status >/dev/null 2>&1 || true`,
    )
  const small = { path, zoneCount: 64, zoneBytes: 1 << 20, blockBytes: 65_536 }
  const medium = await openTapeDrive({ ...small, format: 'overwrite' })
  await medium.append(0, [new Uint8Array(1000).fill(3)])
  await medium.finish(0)
  await refused(() => openTapeDrive({ path }), 'MEDIA_LOCKED')
  await medium.close()
  const holder = spawn('bash', ['-c', `exec 3<>${path}; echo held; sleep 60`], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  await refused(() => openTapeDrive({ path }), 'MEDIA_LOCKED')
  const gone = new Promise((resolve) => holder.once('exit', resolve))
  holder.kill('SIGKILL')
  await gone
  update('readonly=1')
  await refused(() => openTapeDrive({ path }), 'MEDIA_READ_ONLY')
  // The lab's drive refuses to space over a protected cartridge: that is said, not taken for an empty one.
  await refused(() => openTapeDrive({ path, readOnly: true }), 'MEDIA_IO')
  update('readonly=0')
  const again = await openTapeDrive({ path })
  assert.equal(await again.read(0, 0, new Uint8Array(2000)), 1000)
  await again.close()
  update('online=0')
  await refused(() => openTapeDrive({ path }), 'MEDIA_NO_CARTRIDGE')
  update('online=1')
  shell(`mt -f ${path} rewind; tar -cf ${path} -b 20 /etc/hostname 2>/dev/null`)
  await refused(() => openTapeDrive({ path, format: true }), 'MEDIA_FOREIGN')
  shell(`mt -f ${path} rewind; tar -tf ${path} -b 20 | grep -q etc/hostname`)
})

it('the scan names every device of the lab and the driver that fits', async () => {
  const found = await scanMedia()
  const driver = (path: string) => found.find((one) => one.path === path)?.driver
  assert.equal(driver(node('ssd')), 'block')
  assert.equal(driver(node('hdd')), 'block')
  assert.equal(driver(node('zns')), 'zoned-block')
  assert.equal(driver('/mnt/smr'), 'zonefs')
  assert.equal(driver('/dev/nst0'), 'tape-drive')
  runner.facts.scan = found.map(({ path, driver: fits, store }) => `${path}: ${store}, ${fits ?? 'in use'}`)
})

process.exitCode = (await runner.run()) ? 0 : 1
