/** Rows of a database dump in SQL text, of mysqldump, mariadb-dump, pg_dump --inserts or sqlite3 .dump: table → rows by column. */
export type Row = Record<string, string | number | null>
export type Tables = Record<string, Row[]>
export class BadDump extends Error {}

/** Cells, as the kinds of databases write them. */
export const yes = (v: unknown) => v === 1 || v === true || v === '1' || v === 't'
export const json = <T = Record<string, unknown>>(v: unknown, none = {} as T): T => { try { return typeof v === 'string' && v ? JSON.parse(v) as T : none } catch { return none } }
export const words = (v: unknown): string | null => (v == null ? null : String(v))
/** Microseconds, from a moment in UTC written either way. */
export const micros = (v: unknown): number | null => {
  if (typeof v === 'number') return v > 1e14 ? v : v * 1e6
  const ms = typeof v === 'string' ? Date.parse(`${v.replace(' ', 'T').replace(/Z$/, '').replace(/(\.\d{3})\d*$/, '$1')}Z`) : NaN
  return Number.isNaN(ms) ? null : ms * 1000
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', 0: '\0', Z: '\x1a', b: '\b' }
const plain = (name: string) => name.replace(/^.*\./, '').replaceAll(/[`"\[\]]/g, '')

export function readDump(text: string): Tables {
  const columns: Record<string, string[]> = {}, tables: Tables = {}
  // Backslashes escape in MySQL's dumps only.
  const backslash = /^(--|\/\*) *(MySQL|MariaDB) dump|^\/\*!\d+|ENGINE=/m.test(text)
  for (const m of text.matchAll(/^CREATE TABLE (?:IF NOT EXISTS )?([`"\w.]+) ?\(([^]*?)\n\)[^\n]*;[ \t]*$/gim)) {
    columns[plain(m[1])] = parts(m[2]).map((part) => /^[`"[]?(\w+)/.exec(part.trim())?.[1] ?? '').filter((c) => c && !/^(PRIMARY|KEY|UNIQUE|CONSTRAINT|FOREIGN|CHECK|INDEX|FULLTEXT)$/i.test(c))
  }
  const insert = /^INSERT INTO ([`"\w.]+)\s*(\([^)]*\))?\s*VALUES\s*/gim
  for (let m = insert.exec(text); m; m = insert.exec(text)) {
    const table = plain(m[1]), names = m[2] ? m[2].slice(1, -1).split(',').map((c) => plain(c.trim())) : columns[table]
    if (!names) throw new BadDump(`the dump has rows of ${table} but does not say its columns: dump it with its CREATE TABLE statements`)
    const { rows, end } = values(text, insert.lastIndex, backslash)
    for (const row of rows) {
      if (row.length !== names.length) throw new BadDump(`a row of ${table} has ${row.length} values for ${names.length} columns`);
      (tables[table] ??= []).push(Object.fromEntries(names.map((n, i) => [n, row[i]])))
    }
    insert.lastIndex = end
  }
  return tables
}

/** What stands between the commas that are in no parentheses and no quotes. */
function parts(text: string): string[] {
  const out = ['']
  let depth = 0, quote = ''
  for (const c of text) {
    if (quote) { if (c === quote) quote = '' } else if (c === "'" || c === '`' || c === '"') quote = c
    else if (c === '(') depth++
    else if (c === ')') depth--
    if (c === ',' && !depth && !quote) out.push('')
    else out[out.length - 1] += c
  }
  return out
}

/** `(…),(…);` from `at` on. */
function values(text: string, at: number, backslash: boolean): { rows: (string | number | null)[][]; end: number } {
  const rows: (string | number | null)[][] = []
  const space = () => { while (/\s/.test(text[at] ?? '')) at++ }
  const fail = (): never => { throw new BadDump(`the dump cannot be read near: ${text.slice(at, at + 60)}`) }
  const eat = (word: string) => { if (!text.startsWith(word, at)) fail(); at += word.length }
  const quoted = () => {
    let out = ''
    for (eat("'"); ; at++) {
      if (at >= text.length) fail()
      const c = text[at]
      if (c === '\\' && backslash) { const e = text[++at]; out += ESCAPES[e] ?? e } else if (c !== "'") out += c
      else if (text[at + 1] === "'") { out += "'"; at++ } else { at++; return out }
    }
  }
  const value = (): string | number | null => {
    if (text[at] === "'") return quoted()
    if (/^replace\(/i.test(text.slice(at, at + 8))) {
      // How sqlite3 writes text with line ends: replace('…\n…','\n',char(10)), one in the other for both kinds.
      at += 8
      const inner = String(value())
      eat(',')
      const what = quoted()
      eat(',char(')
      const code = Number(value())
      eat('))')
      return inner.replaceAll(what, String.fromCharCode(code))
    }
    const word = /[^,)\s('"]+/y
    word.lastIndex = at
    const [m] = word.exec(text) ?? fail()
    at = word.lastIndex
    return /^null$/i.test(m) ? null : /^(true|false)$/i.test(m) ? Number(/^true$/i.test(m)) : Number.isFinite(Number(m)) ? Number(m) : m
  }
  for (;;) {
    space()
    eat('(')
    const row: (string | number | null)[] = []
    for (;;) {
      space()
      row.push(value())
      space()
      if (text[at] === ')') { at++; break }
      eat(',')
    }
    rows.push(row)
    space()
    if (text[at] !== ',') return { rows, end: at }
    at++
  }
}
