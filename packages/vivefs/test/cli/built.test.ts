/** The built command as a process; skipped until the package is built. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { noise, removeTemporaries, temporary } from '../transfer/tree.ts'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

afterAll(removeTemporaries)

describe.skipIf(!existsSync(program))('the built program', () => {
  it('imports, lists, and ends quietly when nobody reads', () => {
    const place = temporary()
    const source = join(place, 'source')
    mkdirSync(source)
    for (let i = 0; i < 300; i++) writeFileSync(join(source, `name-${i}`), String(i))
    const volume = join(place, 'volume')
    expect(spawnSync(process.execPath, [program, 'import', source, volume]).status).toBe(0)
    const line = `"${process.execPath}" "${program}" find "${volume}" --json | head -n 2; exit \${PIPESTATUS[0]}`
    const found = spawnSync('bash', ['-c', line], { encoding: 'utf8' })
    expect(found.stdout.split('\n').filter((text) => text !== '')).toHaveLength(2)
    expect(found.stderr).toBe('')
    expect(found.status).toBe(0)
    expect(spawnSync(process.execPath, [program, 'wrong']).status).toBe(2)
  })

  it('^C leaves the volume sound', async () => {
    const place = temporary()
    const source = join(place, 'source')
    mkdirSync(source)
    for (let i = 0; i < 40; i++) writeFileSync(join(source, `big-${i}`), noise(4 * 1024 * 1024, i))
    const volume = join(place, 'volume')
    const running = spawn(process.execPath, [program, 'import', source, volume])
    while (!existsSync(join(volume, 'lsm'))) await new Promise((resolve) => setTimeout(resolve, 5))
    setTimeout(() => running.kill('SIGINT'), 50)
    const status = await new Promise((resolve) => running.on('exit', resolve))
    expect([0, 130]).toContain(status)
    expect(spawnSync(process.execPath, [program, 'fsck', volume]).status).toBe(0)
  })
})
