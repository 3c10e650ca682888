import type { PlacementRequest } from './media-policy.ts'

const KEY_BYTES = 24

/** A request as a message shows it: `table of level 5 (compaction, 8388608 bytes, keys "a" to "m")`. */
export function requestText(o: Omit<PlacementRequest, 'media'>): string {
  const where = o.level < 0 ? '' : ` of level ${o.level}`
  const keys = o.upperKey.length === 0 ? '' : `, keys ${keyText(o.lowerKey)} to ${keyText(o.upperKey)}`
  return `${o.file}${where} (${o.reason}, ${o.bytesExpected} bytes${keys})`
}

function keyText(key: Uint8Array): string {
  const text = Buffer.from(key.subarray(0, KEY_BYTES)).toString('latin1')
  const plain = /^[\x20-\x7e]*$/.test(text) ? JSON.stringify(text) : `0x${Buffer.from(text, 'latin1').toString('hex')}`
  return key.length > KEY_BYTES ? `${plain}...` : plain
}
