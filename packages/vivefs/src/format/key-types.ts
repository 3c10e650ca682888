/** The first byte of every key (FORMAT.md, "Keys"). On disk: never renumber. */
export const SYSTEM = 0x01
export const USER = 0x02
export const GROUP = 0x03
export const USER_NAME = 0x04
export const GROUP_NAME = 0x05
export const ORPHAN = 0x08
export const JOB = 0x09
export const QUOTA = 0x0a
export const SNAPSHOT = 0x0c
export const FORK = 0x0d
export const FEED = 0x0e
export const NODE = 0x10
export const META_HISTORY = 0x18
export const META_FORK = 0x1c
export const EXTENT = 0x40
export const DATA_HISTORY = 0x48
export const DATA_FORK = 0x4c
