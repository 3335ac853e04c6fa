import { invalid } from '../../kernel/fault.ts'

/** A moment in any of the ISO forms clients send, with or without a zone (UTC then), in microseconds. */
export function moment(field: string, text: string | null | undefined): number | null {
  if (text == null) return null
  const m = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/.exec(text.trim())
  const zone = m?.[4] && m[4] !== 'Z' ? m[4].replace(/^(...)(\d\d)$/, '$1:$2') : 'Z'
  const ms = m ? Date.parse(`${m[1]}T${m[2].length === 5 ? `${m[2]}:00` : m[2]}${zone}`) : NaN
  if (Number.isNaN(ms)) throw invalid(`Invalid input for field '${field}': '${text.slice(0, 40)}' is not a time as in 2026-11-21T10:46:42.000000Z.`)
  return ms * 1000 + Number((m![3] ?? '').padEnd(6, '0').slice(0, 6))
}
