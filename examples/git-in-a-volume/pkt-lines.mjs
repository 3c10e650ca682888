/** The lines that git speaks (gitprotocol-common): four hexadecimal digits of length, themselves counted, then the line. */

export const FLUSH = Buffer.from('0000')
/** The most that fits behind a side band's number. */
const BAND_BYTES = 65_515

export function line(content) {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes])
}

/** Pieces of `bytes` on side band 1, where packs travel. */
export function* band(bytes) {
  for (let at = 0; at < bytes.length; at += BAND_BYTES) {
    yield line(Buffer.concat([Buffer.of(1), bytes.subarray(at, at + BAND_BYTES)]))
  }
}

/** The lines of a request, without their newline; null is a flush. Throws on what is cut off. */
export function parseLines(bytes) {
  const lines = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(bytes.toString('latin1', at, at + 4), 16)
    const end = at + Math.max(length, 4)
    if (!(length === 0 || length >= 4) || end > bytes.length) throw new Error('a line that is no line of git')
    lines.push(length === 0 ? null : bytes.toString('utf8', at + 4, end).replace(/\n$/, ''))
    at = end
  }
  return lines
}
