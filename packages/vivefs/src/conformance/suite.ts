/** Runs the themes over one implementation, with whatever test runner the caller has. */
import assert from 'node:assert/strict'
import { Area, measureTick, removeTree } from './area.ts'
import type { Case } from './case.ts'
import { plantReadOnlyTree, READ_ONLY_DIRECTORY } from './matrix/read-only.ts'
import { type Person, people } from './people.ts'
import { Coverage, describeReport, type SuiteReport } from './report.ts'
import { allCapabilities, type Capabilities, type Capability, type SuiteFs, type SuiteVolume } from './target.ts'
import { themes } from './themes.ts'

/** What the suite needs to know. */
export interface SuiteOptions {
  /** Shown in the names of tests and in the report. */
  readonly name: string
  /** The runner's function that defines a test: of vitest, node:test, mocha, jest ... */
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /** The runner's function that groups tests. Without it, names carry the group. */
  readonly describe?: (name: string, define: () => void) => unknown
  /** Opens the filesystem; called once, by the first test that runs. */
  readonly open: () => Promise<SuiteVolume>
  /** What the implementation lacks, with `false`. Tests that need it are left out, counted and named in the report. */
  readonly capabilities?: Partial<Capabilities>
  /**
   * Where the implementation differs on purpose: names of tests (`theme: test`) with the reason. Such a test still runs
   * and must fail: a difference that is none any more is a failure.
   */
  readonly differences?: Readonly<Record<string, string>>
  /** Called by the last test. Default: prints the report. */
  readonly onReport?: (report: SuiteReport, text: string) => void
}

/** The filesystem under test, shared by all tests and opened by the first. */
class Bench {
  readonly #open: () => Promise<SuiteVolume>
  readonly #capabilities: Capabilities
  #volume: Promise<SuiteVolume> | undefined
  #isReadOnly = false
  #hasReadOnlyTree = false
  #count = 0
  readonly #views = new Map<Person, SuiteFs>()

  constructor(open: () => Promise<SuiteVolume>, capabilities: Capabilities) {
    this.#open = open
    this.#capabilities = capabilities
  }

  async volume(): Promise<SuiteVolume> {
    this.#volume ??= this.#begin()
    return await this.#volume
  }

  async #begin(): Promise<SuiteVolume> {
    const volume = await this.#open()
    const parent = volume.directory ?? '/'
    await measureTick(volume.fs.promises, `${parent === '/' ? '' : parent}/clock`)
    return volume
  }

  async remount(readOnly: boolean): Promise<void> {
    const volume = await this.volume()
    this.#views.clear()
    assert.ok(volume.remount !== undefined, 'the capability remount is on, but there is no remount()')
    await volume.remount({ readOnly })
    this.#isReadOnly = readOnly
  }

  #accessOf(volume: SuiteVolume) {
    return {
      fs: (who: Person): SuiteFs => {
        if (!this.#capabilities.identities) return volume.fs
        let view = this.#views.get(who)
        if (view === undefined) {
          assert.ok(volume.as !== undefined, 'the capability identities is on, but there is no as()')
          view = volume.as(people[who])
          this.#views.set(who, view)
        }
        return view
      },
      remount: () => this.remount(false),
    }
  }

  async area(name: string): Promise<Area> {
    const volume = await this.volume()
    const parent = volume.directory ?? '/'
    return new Area(this.#accessOf(volume), `${parent === '/' ? '' : parent}/${name}`)
  }

  async run({ run, isReadOnly = false }: Case): Promise<void> {
    const area = isReadOnly ? await this.#readOnlyArea() : await this.#freshArea()
    try {
      await run(area)
    } finally {
      await area.close()
      // What the test did is judged before it is cleared away.
      await (await this.volume()).check?.()
      if (!isReadOnly) await removeTree(area.promises, Buffer.from(area.directory))
    }
  }

  async #freshArea(): Promise<Area> {
    if (this.#isReadOnly) await this.remount(false)
    const area = await this.area(`t${++this.#count}`)
    await area.promises.mkdir(area.directory, 0o755)
    return area
  }

  async #readOnlyArea(): Promise<Area> {
    const area = await this.area(READ_ONLY_DIRECTORY)
    if (!this.#hasReadOnlyTree) {
      await area.promises.mkdir(area.directory, 0o755)
      await plantReadOnlyTree(area, this.#capabilities)
      this.#hasReadOnlyTree = true
    }
    if (!this.#isReadOnly) await this.remount(true)
    return area
  }

  async close(): Promise<void> {
    if (this.#volume === undefined) return
    const volume = await this.#volume
    if (this.#isReadOnly) await this.remount(false)
    const area = await this.area(READ_ONLY_DIRECTORY)
    if (this.#hasReadOnlyTree) await removeTree(area.promises, Buffer.from(area.directory))
    const left = await area.promises.readdir(volume.directory ?? '/')
    assert.deepEqual(left, [], 'every test cleared its directory away')
    await volume.check?.()
    await volume.close()
  }
}

/** What a run of one test means for the report. */
async function judge(run: () => Promise<void>, reason: string | undefined): Promise<void> {
  if (reason === undefined) return run()
  const differs = await run().then(
    () => false,
    () => true,
  )
  assert.ok(differs, `stated as a difference (${reason}), but it passes: take it off the list`)
}

/**
 * Defines the tests of the suite: the errno matrix, side effects and semantics of a POSIX filesystem behind the shape
 * of node:fs. The tests share one open filesystem and must run one after the other; each works in a directory of its own
 * and removes it. Answers the report, which is complete when the last test has run.
 */
export function filesystemSuite(options: SuiteOptions): SuiteReport {
  const { name, test, differences = {} } = options
  const capabilities: Capabilities = { ...allCapabilities, ...options.capabilities }
  const bench = new Bench(options.open, capabilities)
  const coverage = new Coverage()
  const report: SuiteReport = {
    name,
    passed: 0,
    failed: 0,
    leftOut: [],
    differences: [],
    scenarios: 0,
    coverage: [],
  }
  const group = options.describe ?? ((_name: string, define: () => void) => define())
  const unknown = new Set(Object.keys(differences))

  for (const theme of themes) {
    const wanted: Case[] = []
    for (const each of theme.cases) {
      const full = `${theme.name}: ${each.name}`
      unknown.delete(full)
      const lacking = (each.needs ?? []).filter((need: Capability) => !capabilities[need])
      if (lacking.length > 0) report.leftOut.push({ test: full, needs: lacking })
      else wanted.push(each)
    }
    // A group without tests is a fault to some runners.
    if (wanted.length === 0) continue
    group(`${name}: ${theme.name}`, () => {
      for (const each of wanted) {
        const full = `${theme.name}: ${each.name}`
        const reason = differences[full]
        if (reason !== undefined) report.differences.push({ test: full, reason })
        else if (each.cell !== undefined) coverage.try(each.cell)
        if (each.cell !== undefined) report.scenarios++
        const shown = options.describe === undefined ? `${name}: ${full}` : each.name
        test(reason === undefined ? shown : `${shown} [differs]`, async () => {
          try {
            await judge(() => bench.run(each), reason)
          } catch (error) {
            report.failed++
            throw error
          }
          report.passed++
          if (reason === undefined && each.cell !== undefined) coverage.hit(each.cell)
        })
      }
    })
  }

  group(`${name}: at the end`, () => {
    test(options.describe === undefined ? `${name}: the matrix is covered` : 'the matrix is covered', async () => {
      report.coverage = coverage.summary()
      const text = describeReport(report)
      if (options.onReport === undefined) console.log(text)
      else options.onReport(report, text)
      await bench.close()
      assert.deepEqual([...unknown], [], 'differences name tests that exist')
      const missed = report.coverage.flatMap(({ operation, missed: errnos }) =>
        errnos.map((errno) => `${operation} ${errno}`),
      )
      assert.deepEqual(missed, [], 'every reachable cell of the errno matrix is hit')
    })
  })
  return report
}
