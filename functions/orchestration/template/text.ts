import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type Pair, type YAMLMap } from 'yaml'
import { TemplateFault } from './fault.ts'
import { bytesOver } from './limits.ts'
import { plainScalar } from './scalars.ts'
import { isShortTag, written } from './tags.ts'
import type { Front, Json, Limits, Path } from './types.ts'

export interface Parsed { data: Json, lineOf(path: Path): number | undefined }

/** Text to JSON. JSON goes the quick way; lines are looked up only when a fault wants one. */
export function readText(text: string, front: Front, limits: Limits, what = 'template'): Parsed {
  if (bytesOver(text, limits.bytes)) throw tooLong(text.length, front, limits, what)
  if (/^\s*[{[]/.test(text)) {
    const json = tryJson(text)
    if (json !== undefined) {
      new Walk(front, limits).json(json, 0)
      return { data: json, lineOf: (path) => lineIn(text, path) }
    }
    // Flow YAML begins like JSON: whoever speaks JSON badly hears about YAML only when it is no YAML either.
  }
  const { doc, lines } = compose(text, front, what)
  return { data: new Walk(front, limits, lines).node(doc.contents, 0), lineOf: (path) => lineIn(text, path) }
}

function tooLong(length: number, front: Front, limits: Limits, what: string) {
  return front === 'aws'
    ? new TemplateFault(`1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${limits.bytes}`, { front })
    : new TemplateFault(`Request limit exceeded: ${what[0].toUpperCase()}${what.slice(1)} size (${length} bytes) exceeds maximum allowed size (${limits.bytes} bytes).`, { type: 'RequestLimitExceeded' })
}

function tryJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function compose(text: string, front: Front, what: string): { doc: Document, lines: LineCounter } {
  const lines = new LineCounter()
  let doc: Document
  try {
    // Failsafe: scalars stay text, `plainScalar` decides; unique keys would be looked for in quadratic time.
    doc = parseDocument(text, { schema: 'failsafe', version: '1.1', uniqueKeys: false, lineCounter: lines, logLevel: 'silent', prettyErrors: false })
  } catch (error) {
    if (error instanceof RangeError) throw new TemplateFault(tooDeep(front, what), { front })
    throw error
  }
  const bad = doc.errors[0]
  if (bad) {
    if (bad.message.includes('Maximum call stack')) throw new TemplateFault(tooDeep(front, what), { front })
    const { line, col } = lines.linePos(bad.pos[0])
    throw new TemplateFault(front === 'aws'
      ? `Template format error: ${/^\s*\{/.test(text) ? 'JSON' : 'YAML'} not well-formed. (line ${line}, column ${col})`
      : `Error parsing ${what} [root stack] ${bad.message.split('\n')[0].replace(/\.$/, '')} in line ${line}, column ${col}`, { front })
  }
  return { doc, lines }
}

const tooDeep = (front: Front, what: string) => `${front === 'aws' ? 'Template format error: the' : 'The'} ${what} is nested too deeply.`

/** YAML's own tags that make values; the others make objects, dates and bytes. A short tag's scalar is a text. */
const CORE = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq|timestamp)$/
const TYPED = /^tag:yaml\.org,2002:(?:int|float|bool|null)$/

/** Composed nodes to JSON: aliases followed and counted, merges done, short tags written out. */
class Walk {
  private seen = 0
  private anchors = new Map<string, Node>()
  private front: Front
  private limits: Limits
  private lines: LineCounter | undefined
  constructor(front: Front, limits: Limits, lines?: LineCounter) {
    this.front = front
    this.limits = limits
    this.lines = lines
  }

  private count(depth: number, node?: Node | null) {
    if (++this.seen > this.limits.nodes) throw new TemplateFault('The template expands to too many values.', this.where(node))
    if (depth > this.limits.depth) throw new TemplateFault(tooDeep(this.front, 'template'), this.where(node))
  }

  private where(node?: Node | null) {
    return { front: this.front, line: node?.range && this.lines ? this.lines.linePos(node.range[0]).line : undefined }
  }

  /** JSON needs no change, but has the same limits. */
  json(value: Json, depth: number) {
    this.count(depth)
    if (Array.isArray(value)) for (const item of value) this.json(item, depth + 1)
    else if (value && typeof value === 'object') for (const key of Object.keys(value)) {
      if (key === '__proto__') throw new TemplateFault('The key "__proto__" is not allowed.', this.where())
      this.json(value[key], depth + 1)
    }
  }

  node(node: Node | null, depth: number): Json {
    this.count(depth, node)
    if (!node) return null
    if (isAlias(node)) return this.alias(node, depth)
    const anchor = (node as { anchor?: string }).anchor
    if (anchor) this.anchors.set(anchor, node)
    const tag = (node as { tag?: string }).tag
    const value = this.plain(node, depth, tag)
    if (!tag || CORE.test(tag)) return value
    if (isShortTag(tag)) return written(tag, value)
    throw new TemplateFault(this.front === 'aws' ? `Template format error: Unrecognized resource tag ${tag}` : `could not determine a constructor for the tag '${tag}'`, this.where(node))
  }

  private plain(node: Node, depth: number, tag: string | undefined): Json {
    if (isSeq(node)) return node.items.map((item) => this.node(item as Node, depth + 1))
    if (isMap(node)) return this.map(node, depth)
    if (!isScalar(node)) return null
    const source = String(node.value ?? '')
    return tag ? TYPED.test(tag) ? plainScalar(source) : source : node.type === 'PLAIN' ? plainScalar(source) : source
  }

  private alias(node: Node & { source: string }, depth: number): Json {
    if (this.front === 'aws') throw new TemplateFault('Template error: YAML aliases are not allowed in CloudFormation templates', this.where(node))
    const target = this.anchors.get(node.source)
    if (!target) throw new TemplateFault(`found undefined alias '${node.source}'`, this.where(node))
    return this.node(target, depth + 1)
  }

  private map(node: YAMLMap, depth: number): Json {
    const out: { [key: string]: Json } = {}
    const merged: Json[] = []
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      if (!isScalar(pair.key)) throw new TemplateFault('Found a key that is no text.', this.where(pair.key as Node))
      const key = String(pair.key.value ?? '')
      if (key === '__proto__') throw new TemplateFault('The key "__proto__" is not allowed.', this.where(pair.key))
      if (key === '<<' && pair.key.type === 'PLAIN' && this.front !== 'aws') merged.push(...[this.node(pair.value, depth + 1)].flat())
      else out[key] = this.node(pair.value, depth + 1)
    }
    if (!merged.length) return out
    // Own keys win, then the first merged map that has one.
    const all = merged.reverse().reduce<{ [key: string]: Json }>((sum, map) => Object.assign(sum, map), {})
    return Object.assign(all, out)
  }
}

/** The line of a path, 1 the first: read again with positions, since only refusals ask. */
function lineIn(text: string, path: Path): number | undefined {
  try {
    const lines = new LineCounter()
    const doc = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, lineCounter: lines, logLevel: 'silent', prettyErrors: false })
    let node: unknown = doc.contents
    let found: number | undefined
    for (const step of path) {
      const pair = isMap(node) ? (node.items as Pair<Node, Node>[]).find(({ key }) => isScalar(key) && String(key.value) === String(step)) : undefined
      const next = pair ? pair.value : isSeq(node) ? node.items[Number(step)] as Node : undefined
      const at = pair?.key.range ?? (next as Node | undefined)?.range
      if (at) found = lines.linePos(at[0]).line
      // A short tag has no step of its own in the text.
      if (next || pair) node = next
    }
    return found
  } catch {
    return undefined
  }
}
