import { invalid } from '../../kernel/fault.ts'

/**
 * Name filters are regular expressions, as nova's database takes them; here the part of the language without groups, run
 * as a set of positions, so that no pattern takes more than its length times the name's.
 */
interface Atom { test: (c: string) => boolean; once: boolean; many: boolean; text?: string }
export interface Pattern { like: string; test: (name: string) => boolean }

export function patternOf(source: string): Pattern {
  if (source.length > 255) throw invalid('Invalid input for query parameters name. It is too long.')
  const start = source.startsWith('^'), end = /(?<!\\)\$$/.test(source), body = source.slice(start ? 1 : 0, end ? -1 : undefined), atoms = atomsOf(body)
  return {
    like: `${start ? '' : '%'}${atoms.map((a) => (a.text !== undefined && a.once && !a.many ? a.text.replace(/[\\%_]/g, '\\$&') : '%')).join('')}${end ? '' : '%'}`,
    test: (name) => run(atoms, name.toLowerCase(), start, end),
  }
}

function atomsOf(body: string): Atom[] {
  const atoms: Atom[] = []
  for (let at = 0; at < body.length;) {
    const c = body[at]
    let test: Atom['test'], text: string | undefined
    if (c === '\\' && at + 1 < body.length) {
      const next = body[at + 1], cls = { d: /\d/, w: /\w/, s: /\s/, D: /\D/, W: /\W/, S: /\S/ }[next]
      test = cls ? (x) => cls.test(x) : (x) => x === next.toLowerCase()
      text = cls ? undefined : next
      at += 2
    } else if (c === '[' && body.indexOf(']', at + 2) > 0) {
      const close = body.indexOf(']', at + 2)
      test = classOf(body.slice(at + 1, close).toLowerCase())
      at = close + 1
    } else {
      test = c === '.' ? () => true : (x) => x === c.toLowerCase()
      text = c === '.' ? undefined : c
      at++
    }
    const q = body[at]
    if (q === '*' || q === '+' || q === '?') at++
    atoms.push({ test, once: q !== '*' && q !== '?', many: q === '*' || q === '+', text })
  }
  return atoms
}
function classOf(inner: string): Atom['test'] {
  const not = inner.startsWith('^'), body = not ? inner.slice(1) : inner
  const has = (c: string) => {
    for (let i = 0; i < body.length; i++) {
      if (body[i + 1] === '-' && i + 2 < body.length) { if (c >= body[i] && c <= body[i + 2]) return true; i += 2 } else if (body[i] === c) return true
    }
    return false
  }
  return (c) => has(c) !== not
}

function run(atoms: Atom[], name: string, start: boolean, end: boolean): boolean {
  // A position is an atom yet to be met; `again` one that was met and may be met more often.
  const open = (at: number, into: Set<number>) => { for (let i = at; ; i++) { into.add(i); if (i >= atoms.length || atoms[i].once) return } }
  let now = new Set<number>()
  open(0, now)
  for (const c of name) {
    if (!end && now.has(atoms.length)) return true
    const next = new Set<number>()
    for (const i of now) if (Number.isInteger(i) && i < atoms.length && atoms[i].test(c)) { open(i + 1, next); if (atoms[i].many) next.add(i + 0.5) }
    for (const i of now) if (!Number.isInteger(i) && atoms[Math.floor(i)].test(c)) { open(Math.floor(i) + 1, next); next.add(i) }
    if (!start) open(0, next)
    now = next
  }
  return now.has(atoms.length)
}
