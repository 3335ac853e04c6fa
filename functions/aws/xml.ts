/**
 * Answers as XML, from plain values: an object is elements by its members' names, a list repeats one element, a Map is
 * entries of key and value, times and bytes are text already. Members that are undefined or null are left out. Nothing
 * here reads XML: no request of these protocols carries any.
 */
const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#xD;' }
/** What XML cannot say at all, escaped or not, becomes a replacement character. */
export const xmlText = (s: string) => s.toWellFormed().replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd').replaceAll(/[&<>"\r]/g, (c) => ESCAPES[c])

export function xmlOf(value: unknown, member = 'member'): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map((v) => `<${member}>${xmlOf(v, member)}</${member}>`).join('')
  if (value instanceof Map) return [...value].map(([k, v]) => `<entry><key>${xmlText(String(k))}</key><value>${xmlOf(v, member)}</value></entry>`).join('')
  if (typeof value === 'object') return Object.entries(value).map(([k, v]) => (v === undefined || v === null ? '' : `<${k}>${xmlOf(v, member)}</${k}>`)).join('')
  return xmlText(String(value))
}
