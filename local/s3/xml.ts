import { XMLParser } from 'fast-xml-parser'
import { malformedXml } from './fault.ts'

export type Node = [name: string, content: string | number | boolean | Node[]]

// Control characters are written as references, as S3 does. Strict parsers refuse them: clients with such keys ask for encoding-type=url.
const escape = (s: string) => s.replace(/[&<>"\u0000-\u001f\u007f]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? `&#x${c.charCodeAt(0).toString(16)};`)
const render = ([name, content]: Node): string => `<${name}>${Array.isArray(content) ? content.map(render).join('') : escape(String(content))}</${name}>`

export function document(name: string, content: Node[], namespace = true): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${namespace ? ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' : ''}>${content.map(render).join('')}</${name}>`
}

const parser = new XMLParser({ processEntities: false, parseTagValue: false, ignoreAttributes: true, trimValues: false, removeNSPrefix: true })
const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The five named entities and character references; nothing a document type could define. */
function unescape(text: string): string {
  return text.replace(/&([^;&]{0,12};?)/g, (_, ref: string) => {
    const name = ref.endsWith(';') ? ref.slice(0, -1) : ''
    const code = /^#x[0-9a-f]{1,6}$/i.test(name) ? parseInt(name.slice(2), 16) : /^#\d{1,7}$/.test(name) ? Number(name.slice(1)) : -1
    if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code)
    if (Object.hasOwn(named, name)) return named[name]
    throw malformedXml(`unknown entity &${ref}`)
  })
}

export type Tree = { [name: string]: Tree | string | (Tree | string)[] }

export function parse(body: Buffer, root: string): Tree {
  const text = body.toString('utf8')
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw malformedXml('document types are not accepted')
  let tree: Tree
  try { tree = parser.parse(text, true) } catch (e) { throw malformedXml((e as Error).message) }
  const found = tree[root]
  if (typeof found !== 'object' || Array.isArray(found)) throw malformedXml(`${root} expected`)
  return found
}

/** Every child of that name as a subtree. */
export const children = (tree: Tree, name: string): Tree[] =>
  [tree[name] ?? []].flat().map((x) => {
    if (typeof x === 'string') throw malformedXml(`${name} must have elements`)
    return x
  })

export function textOf(tree: Tree, name: string): string | undefined {
  const found = tree[name]
  if (found === undefined) return undefined
  if (typeof found !== 'string') throw malformedXml(`${name} must be given once, as text`)
  return unescape(found)
}
