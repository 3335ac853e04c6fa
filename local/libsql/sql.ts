/** What the endpoint must know of a statement before SQLite sees it. The native driver tells neither, and binds wrong counts in silence. */
export interface Shape {
  /** `other` is everything that may leave a mark on the connection or the schema: pragma, create, attach, vacuum … */
  kind: 'read' | 'write' | 'begin' | 'commit' | 'rollback' | 'savepoint' | 'other'
  /** Parameter names by position, with their prefix; null for a plain `?`. */
  params: (string | null)[]
  statements: number
  /** For `begin`: immediate or exclusive, that is, it takes the write lock. */
  locks: boolean
  /** For `begin`: the caller promised to write nothing. */
  readonly: boolean
  explains: boolean
}

const token = /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\?\d*|[:@$][\w\u0080-\uffff]+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|[^]/gy
const word = /^[A-Za-z_]/
const quiet = /^(?:\s|--|\/\*)/
const changes = new Set(['insert', 'update', 'delete', 'replace'])

export function shapeOf(text: string): Shape {
  const params: (string | null)[] = []
  const words: string[] = []
  let statements = 0, open = false, previous = '', beforeEnd = false, trigger = false
  let writes = false
  for (const [part] of text.matchAll(token)) {
    if (quiet.test(part)) continue
    if (part === ';') {
      // A trigger's body holds semicolons; it is over at "; end ;", as in sqlite3_complete().
      if (!trigger || (previous === 'end' && beforeEnd)) { open = false; trigger = false }
      beforeEnd = true
      previous = ';'
      continue
    }
    if (!open) { open = true; statements++ }
    const lower = word.test(part) ? part.toLowerCase() : part
    if (statements === 1) {
      if (words.length < 4) words.push(lower)
      if (changes.has(lower)) writes = true
      number(params, part)
    }
    if (lower === 'trigger' && words[0] === 'create' && words.slice(1).every((w) => w === 'temp' || w === 'temporary' || w === 'trigger')) trigger = true
    beforeEnd = lower === 'end' && previous === ';'
    previous = lower
  }
  return { ...classify(words, writes), params, statements, explains: words[0] === 'explain' }
}

function number(params: (string | null)[], part: string) {
  if (part[0] === '?') {
    const at = part.length > 1 ? Number(part.slice(1)) : params.length + 1
    if (at > 32766 || at < 1) return   // SQLite itself refuses it with a clear message
    while (params.length < at) params.push(null)
    if (part.length > 1) params[at - 1] ??= part
  } else if (/^[:@$]./.test(part) && !params.includes(part)) params.push(part)
}

function classify(words: string[], writes: boolean): Pick<Shape, 'kind' | 'locks' | 'readonly'> {
  const plain = { locks: false, readonly: false }
  switch (words[0]) {
    case 'select': case 'values': return { kind: 'read', ...plain }
    case 'with': return { kind: writes ? 'write' : 'read', ...plain }
    case 'insert': case 'update': case 'delete': case 'replace': return { kind: 'write', ...plain }
    case 'begin': return { kind: 'begin', locks: words.includes('immediate') || words.includes('exclusive'), readonly: words.includes('readonly') }
    case 'commit': case 'end': return { kind: 'commit', ...plain }
    case 'rollback': return { kind: words.includes('to') ? 'savepoint' : 'rollback', ...plain }
    case 'savepoint': case 'release': return { kind: 'savepoint', ...plain }
    default: return { kind: 'other', ...plain }
  }
}
