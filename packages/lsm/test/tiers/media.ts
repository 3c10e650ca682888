import { type FaultMedium, type FaultRule, type Medium, openFault, openMemory, openSmr, openTape } from '@vivefs/media'

/** What the ladder of the tests has, fastest first. */
export const RUNGS = ['dram', 'ssd', 'smr', 'tape'] as const
export type Rung = (typeof RUNGS)[number]

const ZONES = { zoneCount: 256, zoneBytes: 256 << 10 }

export function dram(): Medium {
  return openMemory({ ...ZONES, zoneCount: 64 })
}

export function ssd(): Medium {
  return openMemory({ ...ZONES, durability: 'flush' })
}

export function smr(): Medium {
  return openSmr({ ...ZONES, conventionalZones: 0, blockBytes: 512, openZonesMax: 8 })
}

export function tape(): Medium {
  return openTape({ zoneCount: 4096, zoneBytes: 256 << 10, blockBytesMax: 64 << 10 })
}

/** One of each. */
export function rungs(): Record<Rung, Medium> {
  return { dram: dram(), ssd: ssd(), smr: smr(), tape: tape() }
}

/** The same, each able to fail. */
export function faultyRungs(rules: Partial<Record<Rung, readonly FaultRule[]>> = {}): Record<Rung, FaultMedium> {
  const made = Object.entries(rungs()).map(([name, medium]) => {
    return [name, openFault(medium, { rules: rules[name as Rung] ?? [] })]
  })
  return Object.fromEntries(made)
}

/** What loss of power leaves of them all: nothing of the DRAM. */
export async function powerCut(media: Record<Rung, FaultMedium>): Promise<Record<Rung, Medium>> {
  const left: [string, Medium][] = []
  for (const [name, medium] of Object.entries(media)) {
    medium.cutPower()
    left.push([name, await medium.crashImage()])
  }
  return Object.fromEntries(left) as Record<Rung, Medium>
}
