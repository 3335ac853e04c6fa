import { XMLBuilder, XMLParser } from 'fast-xml-parser'

/** An element's content: `@name` are attributes, `#text` is text, an array repeats the element, undefined is left out. */
export type Tree = string | number | boolean | undefined | Tree[] | { [name: string]: Tree }

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressBooleanAttributes: false, suppressEmptyNode: true })
const parser = new XMLParser({
  ignoreAttributes: false, attributeNamePrefix: '@', parseTagValue: false, parseAttributeValue: false, processEntities: true,
  isArray: (name) => ['disk', 'interface', 'controller', 'domain'].includes(name),
})

// What XML 1.0 cannot carry in any spelling; libvirt refuses a document that has one.
const unspeakable = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu

function clean(tree: Tree): Tree {
  if (typeof tree === 'string') return tree.toWellFormed().replace(unspeakable, '\uFFFD')
  if (Array.isArray(tree)) return tree.map(clean)
  if (typeof tree === 'object') return Object.fromEntries(Object.entries(tree).filter(([, v]) => v !== undefined).map(([k, v]) => [k, clean(v)]))
  return tree
}

/** XML of a tree. Values are escaped here and nowhere else. */
export const write = (tree: { [name: string]: Tree }): string => builder.build(clean(tree))

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const read = (xml: string): any => parser.parse(xml)
