/**
 * What a device seems to hold, by the magic numbers that filesystems and partition tables put near its start. Only to
 * refuse with a name: whatever is not zeros and not ours is foreign, known or not.
 */
import type { Bytes } from '../medium.ts'

/** How much of the start has to be looked at. */
export const SIGNATURE_BYTES = 128 << 10

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0))

/** name, byte offset, bytes. */
const SIGNATURES: readonly (readonly [string, number, readonly number[]])[] = [
  ['ext2, ext3 or ext4', 1080, [0x53, 0xef]],
  ['xfs', 0, ascii('XFSB')],
  ['btrfs', 65_600, ascii('_BHRfS_M')],
  ['f2fs', 1024, [0x10, 0x20, 0xf5, 0xf2]],
  ['zonefs', 0, ascii('SFOZ')],
  ['NTFS', 3, ascii('NTFS    ')],
  ['exFAT', 3, ascii('EXFAT   ')],
  ['FAT', 54, ascii('FAT')],
  ['FAT32', 82, ascii('FAT32')],
  ['ISO 9660', 32_769, ascii('CD001')],
  ['LUKS', 0, [...ascii('LUKS'), 0xba, 0xbe]],
  ['LVM', 536, ascii('LVM2 001')],
  ['Linux RAID', 4096, [0xfc, 0x4e, 0x2b, 0xa9]],
  ['bcache', 4120, [0xc6, 0x85, 0x73, 0xf6]],
  ['swap', 4086, ascii('SWAPSPACE2')],
  ['a GPT partition table', 512, ascii('EFI PART')],
  ['a GPT partition table', 4096, ascii('EFI PART')],
  ['a BlueStore of Ceph', 0, ascii('bluestore block device')],
  ['a partition table or boot sector', 510, [0x55, 0xaa]],
]

/** The name of what starts with these bytes; 'other data' for anything else but zeros, undefined for zeros. */
export function foreignContent(head: Bytes): string | undefined {
  for (const [name, at, magic] of SIGNATURES) {
    if (at + magic.length <= head.length && magic.every((byte, index) => head[at + index] === byte)) return name
  }
  return head.some((byte) => byte !== 0) ? 'other data' : undefined
}
