/**
 * The few WebAssembly instructions that `crc-kernel.ts` needs, as functions that answer with their bytes; a module of them is built when
 * the code is loaded, so that no binary lies in the repository. Source: the WebAssembly core specification 2.0, "Binary Format".
 */

/** The bytes of one instruction or of a run of them. */
export type Code = readonly number[]

const TYPE_I32 = 0x7f
const TYPE_V128 = 0x7b

function unsigned(value: number): number[] {
  const out: number[] = []
  let rest = value
  do {
    const low = rest & 127
    rest >>>= 7
    out.push(rest === 0 ? low : low | 128)
  } while (rest !== 0)
  return out
}

function signed(value: number): number[] {
  const out: number[] = []
  for (let rest = value; ; ) {
    const low = rest & 127
    rest >>= 7
    if ((rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0)) {
      out.push(low)
      return out
    }
    out.push(low | 128)
  }
}

export const join = (...code: Code[]): Code => code.flat()
export const getLocal = (local: number): Code => [0x20, ...unsigned(local)]
export const setLocal = (local: number): Code => [0x21, ...unsigned(local)]
export const teeLocal = (local: number): Code => [0x22, ...unsigned(local)]
export const constant = (value: number): Code => [0x41, ...signed(value | 0)]
export const call = (func: number): Code => [0x10, ...unsigned(func)]
export const block = (...code: Code[]): Code => [0x02, 0x40, ...code.flat(), 0x0b]
export const loop = (...code: Code[]): Code => [0x03, 0x40, ...code.flat(), 0x0b]
export const branch = (depth: number): Code => [0x0c, ...unsigned(depth)]
export const branchIf = (depth: number): Code => [0x0d, ...unsigned(depth)]
export const select: Code = [0x1b]
export const isZero: Code = [0x45]
/** The i32 comparisons are unsigned. */
export const less: Code = [0x49]
export const greater: Code = [0x4b]
export const add: Code = [0x6a]
export const subtract: Code = [0x6b]
export const and: Code = [0x71]
export const xor: Code = [0x73]
export const shiftLeft: Code = [0x74]
export const shiftRight: Code = [0x76]
export const load = (offset = 0): Code => [0x28, 2, ...unsigned(offset)]
export const loadByte = (offset = 0): Code => [0x2d, 0, ...unsigned(offset)]
export const store = (offset = 0): Code => [0x36, 2, ...unsigned(offset)]
export const load128 = (offset = 0): Code => [0xfd, 0x00, 0, ...unsigned(offset)]
export const store128 = (offset = 0): Code => [0xfd, 0x0b, 0, ...unsigned(offset)]
export const xor128: Code = [0xfd, 0x51]
export const zero128: Code = [0xfd, 0x0c, ...new Array<number>(16).fill(0)]

/** A function: all parameters are i32; `i32s` and `v128s` locals follow them. */
export interface FunctionCode {
  readonly name: string
  readonly params: number
  readonly returns: boolean
  readonly i32s: number
  readonly v128s: number
  readonly body: Code
}

/** A module that imports the memory `env.memory` of at least `pages` (64 KiB each) and exports its functions. */
export function moduleOf(functions: readonly FunctionCode[], pages: number): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: readonly number[]) => [id, ...unsigned(content.length), ...content]
  const list = (items: readonly (readonly number[])[]) => [...unsigned(items.length), ...items.flat()]
  const text = (value: string) => [...unsigned(value.length), ...Buffer.from(value, 'latin1')]
  const types = functions.map(({ params, returns }) => [
    0x60,
    ...list(new Array<number[]>(params).fill([TYPE_I32])),
    ...list(returns ? [[TYPE_I32]] : []),
  ])
  const bodies = functions.map(({ i32s, v128s, body }) => {
    const code = [
      ...list([
        [...unsigned(i32s), TYPE_I32],
        [...unsigned(v128s), TYPE_V128],
      ]),
      ...body,
      0x0b,
    ]
    return [...unsigned(code.length), ...code]
  })
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list([[...text('env'), ...text('memory'), 2, 0, ...unsigned(pages)]])),
    ...section(3, list(functions.map((_, i) => unsigned(i)))),
    ...section(7, list(functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]))),
    ...section(10, list(bodies)),
  ])
}
