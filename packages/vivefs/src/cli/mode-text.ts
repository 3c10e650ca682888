/** Modes as chmod(1) takes them: octal, or clauses like `u+rwx,g-w,o=r,a+X`. */
import { UsageError } from './usage.ts'

const CLAUSE = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/
const ACTION = /[-+=][rwxXst]*/g

const CLASSES: Record<string, { readonly shift: number; readonly special: number }> = {
  u: { shift: 6, special: 0o4000 },
  g: { shift: 3, special: 0o2000 },
  o: { shift: 0, special: 0o1000 },
}

/** Answers the new permission bits for a file's old mode. Throws a usage error at once for what is no mode. */
export function parseMode(text: string): (mode: number, isDirectory: boolean) => number {
  if (/^[0-7]{1,5}$/.test(text)) {
    const bits = Number.parseInt(text, 8)
    if (bits > 0o7777) throw new UsageError(`'${text}' is no mode`)
    return () => bits
  }
  const clauses = text.split(',').map((clause) => {
    const parts = CLAUSE.exec(clause)
    if (parts === null) throw new UsageError(`'${text}' is no mode: write 0755 or u+x,g-w,o=r`)
    return { who: parts[1] ?? '', actions: parts[2]?.match(ACTION) ?? [] }
  })
  return (mode, isDirectory) => {
    let bits = mode & 0o7777
    for (const { who, actions } of clauses) for (const action of actions) bits = apply(bits, who, action, isDirectory)
    return bits
  }
}

function apply(bits: number, who: string, action: string, isDirectory: boolean): number {
  const letters = action.slice(1)
  const isAll = who === '' || who.includes('a')
  const executes = letters.includes('x') || (letters.includes('X') && (isDirectory || (bits & 0o111) !== 0))
  const triple = (letters.includes('r') ? 4 : 0) | (letters.includes('w') ? 2 : 0) | (executes ? 1 : 0)
  let chosen = 0
  let covered = 0
  for (const [letter, { shift, special }] of Object.entries(CLASSES)) {
    if (!isAll && !who.includes(letter)) continue
    chosen |= triple << shift
    covered |= 7 << shift
    if (letter !== 'o' && letters.includes('s')) chosen |= special
    if (letter !== 'o' && !isDirectory) covered |= special
  }
  if (letters.includes('t') && (isAll || who.includes('o'))) chosen |= 0o1000
  if (action[0] === '+') return bits | chosen
  if (action[0] === '-') return bits & ~chosen
  return (bits & ~covered) | chosen
}
