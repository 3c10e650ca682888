/** Shell patterns for one name: `*`, `?`, `[a-z]`, `[!a-z]`, backslash. As find(1), `*` matches a leading dot too. */

/** Answers whether the bytes of a name match. What is not UTF-8 is compared byte for byte. */
export function matcher(pattern: string): (name: Buffer) => boolean {
  const source = translate(pattern)
  const text = new RegExp(`^${source}$`, 'su')
  return (name) => text.test(name.toString('utf8'))
}

const quote = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

function translate(pattern: string): string {
  let out = ''
  for (let i = 0; i < pattern.length; ) {
    const point = pattern.codePointAt(i)!
    const letter = String.fromCodePoint(point)
    i += letter.length
    if (letter === '*') out += '.*'
    else if (letter === '?') out += '.'
    else if (letter === '\\' && i < pattern.length) {
      const next = String.fromCodePoint(pattern.codePointAt(i)!)
      i += next.length
      out += quote(next)
    } else if (letter === '[') {
      const set = /^\[([!^]?)(\]?[^\]]*)\]/u.exec(pattern.slice(i - 1))
      if (set === null) {
        out += '\\['
        continue
      }
      const members = (set[2] ?? '').replace(/[\\\]^[]/g, '\\$&')
      out += `[${set[1] === '' ? '' : '^'}${members}]`
      i += set[0].length - 1
    } else out += quote(letter)
  }
  return out
}
