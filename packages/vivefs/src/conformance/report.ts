/** What was asked, hit, and left out. */
import { type Operation, operationNames } from './matrix/operations.ts'
import { reachable } from './matrix/reachable.ts'

/** Cells of one operation. */
export interface OperationCoverage {
  readonly operation: Operation
  /** Errnos that the implementation can be made to answer with. */
  readonly reachable: number
  readonly hit: number
  /** Errnos whose scenarios were all left out, for want of capabilities or as stated differences. */
  readonly leftOut: readonly string[]
  readonly missed: readonly string[]
}

export interface LeftOut {
  readonly test: string
  /** The capabilities that the implementation said it lacks. */
  readonly needs: readonly string[]
}

export interface DifferenceSeen {
  readonly test: string
  readonly reason: string
}

/** Filled while the suite runs; complete after its last test. */
export interface SuiteReport {
  readonly name: string
  passed: number
  failed: number
  readonly leftOut: LeftOut[]
  readonly differences: DifferenceSeen[]
  /** Scenarios of the errno matrix. */
  scenarios: number
  coverage: OperationCoverage[]
}

const cellOf = (operation: string, errno: string): string => `${operation} ${errno}`

/** Which cells were hit, and which could not be. */
export class Coverage {
  readonly #hit = new Set<string>()
  readonly #tried = new Set<string>()

  try({ operation, errno }: { operation: string; errno: string }): void {
    this.#tried.add(cellOf(operation, errno))
  }

  hit({ operation, errno }: { operation: string; errno: string }): void {
    this.#hit.add(cellOf(operation, errno))
  }

  summary(): OperationCoverage[] {
    return operationNames.map((operation) => {
      const errnos = reachable[operation]
      const isTried = (errno: string): boolean => this.#tried.has(cellOf(operation, errno))
      const isHit = (errno: string): boolean => this.#hit.has(cellOf(operation, errno))
      return {
        operation,
        reachable: errnos.length,
        hit: errnos.filter(isHit).length,
        leftOut: errnos.filter((errno) => !isTried(errno)),
        missed: errnos.filter((errno) => isTried(errno) && !isHit(errno)),
      }
    })
  }
}

/** The report in lines for a terminal. */
export function describeReport(report: SuiteReport): string {
  const sum = (of: (line: OperationCoverage) => number): number =>
    report.coverage.reduce((total, line) => total + of(line), 0)
  const lines = [
    `${report.name}: ${report.passed} passed, ${report.failed} failed, ${report.leftOut.length} left out, ` +
      `${report.differences.length} stated differences`,
    `errno matrix: ${sum(({ hit }) => hit)} of ${sum((line) => line.reachable)} reachable cells hit, ` +
      `${sum(({ leftOut }) => leftOut.length)} left out, ${report.scenarios} scenarios`,
  ]
  for (const { operation, leftOut, missed } of report.coverage) {
    if (missed.length > 0) lines.push(`  missed: ${operation} ${missed.join(', ')}`)
    if (leftOut.length > 0) lines.push(`  left out: ${operation} ${leftOut.join(', ')}`)
  }
  const needs = new Map<string, number>()
  for (const { needs: capabilities } of report.leftOut) {
    const key = capabilities.join(', ')
    needs.set(key, (needs.get(key) ?? 0) + 1)
  }
  for (const [key, count] of needs) lines.push(`  left out for want of ${key}: ${count} tests`)
  for (const { test, reason } of report.differences) lines.push(`  differs: ${test}: ${reason}`)
  return lines.join('\n')
}
