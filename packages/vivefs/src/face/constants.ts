/** `fs.constants`: node's own, with the flags of Linux that node has no name for. */
import { constants as own } from 'node:fs'
import { O_TMPFILE } from './opening.ts'

export const constants = Object.freeze({ ...own, O_TMPFILE })
