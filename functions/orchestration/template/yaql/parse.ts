/** YAQL's expressions as a tree. A grammar, nothing is ever evaluated as code. */
export type Node =
  | { kind: 'literal', value: null | boolean | number | string }
  | { kind: 'word', value: string }
  | { kind: 'variable', name: string }
  | { kind: 'list', items: Node[] }
  | { kind: 'map', pairs: [Node, Node][] }
  | { kind: 'call', name: string, args: Argument[] }
  | { kind: 'dot', on: Node, right: Node, safe: boolean }
  | { kind: 'index', on: Node, args: Argument[] }
  | { kind: 'unary', op: string, of: Node }
  | { kind: 'binary', op: string, left: Node, right: Node }

/** `name => value` when name is a word, `key => value` for functions that take pairs. */
export interface Argument { key?: Node, value: Node }

export class YaqlError extends Error {}

interface Token { kind: 'number' | 'string' | 'word' | 'func' | 'var' | 'op' | 'end', text: string, value?: string | number, at: number }

const OPS = ['=>', '->', '?.', '=~', '!~', '>=', '<=', '!=', '.', '[', ']', '{', '}', '(', ')', ',', '+', '-', '*', '/', '>', '<', '=']
const WORD_OPS = new Set(['mod', 'in', 'not', 'and', 'or'])
const WORD = /[^\W\d]\w*/uy
const ESCAPES: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"' }

function tokens(text: string): Token[] {
  const out: Token[] = []
  for (let i = 0; i < text.length;) {
    const c = text[i]
    if (/\s/.test(c)) { i++; continue }
    const string = stringAt(text, i)
    if (string) { out.push({ kind: 'string', text: c, value: string.value, at: i }); i = string.end; continue }
    const number = /\d+(\.\d+)?/y
    number.lastIndex = i
    const digits = number.exec(text)
    if (digits) { out.push({ kind: 'number', text: digits[0], value: Number(digits[0]), at: i }); i += digits[0].length; continue }
    if (c === '$') {
      const name = /\w*/y
      name.lastIndex = i + 1
      const found = name.exec(text)![0]
      out.push({ kind: 'var', text: found, at: i }); i += 1 + found.length; continue
    }
    WORD.lastIndex = i
    const word = WORD.exec(text)?.[0]
    if (word) {
      i += word.length
      if (text[i] === '(') { out.push({ kind: 'func', text: word, at: i }); i++ } else out.push({ kind: WORD_OPS.has(word) ? 'op' : 'word', text: word, at: i })
      continue
    }
    const op = OPS.find((one) => text.startsWith(one, i))
    if (!op) throw new YaqlError(`Lexical error: illegal character '${c}' at position ${i}`)
    out.push({ kind: 'op', text: op, at: i })
    i += op.length
  }
  out.push({ kind: 'end', text: '', at: text.length })
  return out
}

/** `'...'` and `"..."` with escapes, and with backticks as it stands. */
function stringAt(text: string, start: number): { value: string, end: number } | undefined {
  const quote = text[start]
  if (quote !== "'" && quote !== '"' && quote !== '`') return undefined
  let value = ''
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === quote) return { value, end: i + 1 }
    if (text[i] !== '\\') { value += text[i]; continue }
    if (quote === '`') { value += text[i + 1] === '`' ? '`' : `\\${text[i + 1] ?? ''}`; i++; continue }
    const coded = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/y
    coded.lastIndex = i
    const code = coded.exec(text)
    if (code) { value += String.fromCharCode(parseInt(code[1] ?? code[2], 16)); i += code[0].length - 1; continue }
    const next = text[i + 1] ?? ''
    value += ESCAPES[next] ?? `\\${next}`
    i++
  }
  throw new YaqlError(`Lexical error: illegal character '${quote}' at position ${start}`)
}

/** How tightly the operators bind; the loosest is `->`, which leans right. */
const BINARY: Record<string, number> = {
  '->': 1, or: 2, and: 3, '>': 5, '<': 5, '>=': 5, '<=': 5, '!=': 5, '=': 5, in: 5, '+': 6, '-': 6, '*': 7, '/': 7, mod: 7, '=~': 8, '!~': 8,
}
const NOT = 4, SIGN = 9, DEPTH = 100

export function parseYaql(text: string): Node {
  const list = tokens(text)
  let i = 0, depth = 0
  const whole = expression(0)
  if (list[i].kind !== 'end') throw unexpected()
  return whole

  function unexpected() {
    const { text: what, kind, at } = list[i]
    return new YaqlError(kind === 'end' ? 'Grammar error: unexpected end of statement' : `Grammar error: unexpected '${what}' at position ${at} of expression '${text}'`)
  }
  function is(op: string) { return list[i].kind === 'op' && list[i].text === op }
  function take(op: string) { if (!is(op)) throw unexpected(); i++ }

  function expression(least: number): Node {
    if (++depth > DEPTH) throw new YaqlError('The expression is nested too deeply')
    let left = prefix()
    for (;;) {
      const { kind, text: op } = list[i]
      const binds = kind === 'op' ? BINARY[op] : undefined
      if (binds === undefined || binds < least) break
      i++
      left = { kind: 'binary', op, left, right: expression(op === '->' ? binds : binds + 1) }
    }
    depth--
    return left
  }

  function prefix(): Node {
    if (is('not')) { i++; return { kind: 'unary', op: 'not', of: expression(NOT) } }
    if (is('-') || is('+')) { const op = list[i++].text; return { kind: 'unary', op, of: expression(SIGN) } }
    return postfix(primary())
  }

  function postfix(left: Node): Node {
    for (;;) {
      if (is('.') || is('?.')) {
        const safe = list[i++].text === '?.'
        left = { kind: 'dot', on: left, right: primary(), safe }
      } else if (is('[')) { i++; left = { kind: 'index', on: left, args: args(']') } } else return left
    }
  }

  function primary(): Node {
    const token = list[i]
    if (token.kind === 'number' || token.kind === 'string') { i++; return { kind: 'literal', value: token.value! } }
    if (token.kind === 'var') { i++; return { kind: 'variable', name: token.text } }
    if (token.kind === 'word') { i++; return token.text in CONSTANTS ? { kind: 'literal', value: CONSTANTS[token.text] } : { kind: 'word', value: token.text } }
    if (token.kind === 'func') { i++; return { kind: 'call', name: token.text, args: args(')') } }
    if (is('(')) { i++; const inner = expression(0); take(')'); return inner }
    if (is('[')) { i++; return { kind: 'list', items: args(']').map(plain) } }
    if (is('{')) { i++; return { kind: 'map', pairs: args('}').map(({ key, value }): [Node, Node] => { if (!key) throw unexpected(); return [key, value] }) } }
    throw unexpected()
  }

  function plain({ key, value }: Argument): Node {
    if (key) throw unexpected()
    return value
  }

  function args(close: string): Argument[] {
    const out: Argument[] = []
    if (is(close)) { i++; return out }
    for (;;) {
      const first = expression(0)
      if (is('=>')) { i++; out.push({ key: first, value: expression(0) }) } else out.push({ value: first })
      if (is(',')) { i++; continue }
      take(close)
      return out
    }
  }
}

const CONSTANTS: Record<string, null | boolean> = { true: true, false: false, null: null }
