import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { mediumSuite } from '../../src/conformance/index.ts'
import { openMappedPool, openMedium } from '../../src/index.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-mapped-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const options = () => ({ path: join(root, `pool-${++count}`), zoneCount: 8, zoneBytes: 32_768 })

function installed(): boolean {
  try {
    createRequire(import.meta.url).resolve('koffi')
    return true
  } catch {
    return false
  }
}

describe('a mapped pool', () => {
  it('opens unmapped, or says what is missing, where koffi is not installed', async () => {
    const auto = await openMappedPool({ ...options(), map: 'auto' })
    expect(await auto.append(0, [Uint8Array.of(1, 2, 3)])).toBe(0)
    await auto.close()
    const strict = openMappedPool({ ...options(), map: true })
    if (installed()) await strict.then((medium) => medium.close())
    else await expect(strict).rejects.toThrow(/MEDIA_NOT_SUPPORTED.*koffi/)
    await expect(openMappedPool({ ...options(), map: 7 as never })).rejects.toMatchObject({ code: 'MEDIA_ARGUMENT' })
  })
})

mediumSuite({
  name: installed() ? 'pool, mapped' : 'pool, through map: auto',
  create: () => openMappedPool({ ...options(), map: 'auto' }),
  reopen: (closed) => openMedium(closed.spec),
  describe,
  it,
  seeds: [1, 2],
})
