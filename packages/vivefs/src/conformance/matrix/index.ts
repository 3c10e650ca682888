/** The errno matrix: operation by errno, with at least one scenario for every cell that can be reached. */
import assert from 'node:assert/strict'
import type { Theme } from '../case.ts'
import { attributeCells } from './attribute-cells.ts'
import { type Cell, caseOf } from './cell.ts'
import { nameCells } from './name-cells.ts'
import { openingCells } from './open-cells.ts'
import { operationNames } from './operations.ts'
import { generatedCells } from './path-causes.ts'
import { reachable } from './reachable.ts'
import { readOnlyCases, readOnlyCells } from './read-only.ts'
import { serviceCells } from './service-cells.ts'

/** Every scenario. */
export const cells: readonly Cell[] = [
  ...generatedCells(),
  ...openingCells(),
  ...nameCells(),
  ...attributeCells(),
  ...serviceCells(),
  ...readOnlyCells(),
]

const nameOf = ({ operation, errno }: Pick<Cell, 'operation' | 'errno'>): string => `${operation} ${errno}`

/** What is wrong with the table itself: reachable cells without a scenario, scenarios of unreachable cells, twins. */
export function faultsOfMatrix(): string[] {
  const listed = new Set(operationNames.flatMap((operation) => reachable[operation].map((e) => `${operation} ${e}`)))
  const covered = new Set(cells.map(nameOf))
  const names = cells.map((cell) => caseOf(cell).name)
  return [
    ...[...listed].filter((cell) => !covered.has(cell)).map((cell) => `no scenario for ${cell}`),
    ...[...covered].filter((cell) => !listed.has(cell)).map((cell) => `not listed as reachable: ${cell}`),
    ...names.filter((name, at) => names.indexOf(name) !== at).map((name) => `twice: ${name}`),
  ]
}

export const matrixTheme: Theme = {
  name: 'errno',
  cases: [
    {
      name: 'the table has a scenario for every reachable cell, and no other',
      run: async () => assert.deepEqual(faultsOfMatrix(), []),
    },
    ...cells.map(caseOf),
    ...readOnlyCases,
  ],
}
