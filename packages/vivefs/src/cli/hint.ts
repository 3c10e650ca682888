/** What may help with an error of a command, in a few words. */
import { codeOf } from '../transfer/findings.ts'

const HINTS: Readonly<Record<string, string>> = {
  EEXIST: '--overwrite replaces what is there',
  ENOTEMPTY: '--overwrite merges into what is there',
  ENOSPC: '`vivefs df VOLUME` says what is used, and snapshots hold what was deleted since',
  ERR_VIVEFS_CORRUPTION: '`vivefs fsck VOLUME` says what is damaged, --repair puts right what it can',
  ERR_VIVEFS_STORE_FAILED: 'open the volume again: what was acknowledged is there',
}

/** `overwrites`: whether the command knows --overwrite. */
export function hintFor(
  error: unknown,
  { name, overwrites }: { name: string; overwrites: boolean },
): string | undefined {
  const code = codeOf(error)
  if (code === undefined) return undefined
  if ((code === 'EEXIST' || code === 'ENOTEMPTY') && !overwrites) return undefined
  if (code === 'USAGE')
    return name === '' ? '`vivefs --help` lists the commands' : `\`vivefs ${name} --help\` shows how`
  if (code === 'ERR_VIVEFS_NOT_A_VOLUME' && name !== 'mkfs' && name !== 'import') {
    return '`vivefs mkfs` and `vivefs import` make volumes'
  }
  return HINTS[code]
}
