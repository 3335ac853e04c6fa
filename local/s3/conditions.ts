import type { IncomingHttpHeaders } from 'node:http'
import { badArgument, failedCondition, Fault, noSuchKey, notImplemented } from './fault.ts'
import type { Kept, Stored } from './store.ts'

type Headers = IncomingHttpHeaders
const tags = (header: string) => header.split(',').map((t) => t.trim().replace(/^W\//, '').replace(/^"|"$/g, ''))
const lists = (header: string, etag: string) => tags(header).some((t) => t === '*' || t === etag)
const seconds = (date: string) => Math.floor(Date.parse(date) / 1000)
const first = (h: Headers, name: string) => h[name] as string | undefined

/** Conditions of a read; `prefix` for those of a copy's source. Answers 304 where a reader's copy is current. */
export function mayRead(h: Headers, o: Stored, prefix = ''): void {
  const modified = Math.floor(o.modified / 1000)
  const match = first(h, `${prefix}if-match`), none = first(h, `${prefix}if-none-match`)
  const since = first(h, `${prefix}if-modified-since`), until = first(h, `${prefix}if-unmodified-since`)
  if (match !== undefined ? !lists(match, o.etag) : until !== undefined && modified > seconds(until)) throw failedCondition(`${prefix}${match !== undefined ? 'If-Match' : 'If-Unmodified-Since'}`)
  if (none !== undefined ? lists(none, o.etag) : since !== undefined && modified <= seconds(since)) {
    if (prefix) throw failedCondition(`${prefix}If-None-Match`)
    throw new Fault(304, 'NotModified', 'Not Modified', { etag: `"${o.etag}"`, 'last-modified': new Date(o.modified).toUTCString() })
  }
}

/** Conditions of a write, asked once before the bytes come and again in the commit. */
export function mayWrite(h: Headers, now: Stored | undefined): void {
  const none = h['if-none-match'], match = h['if-match']
  if (none !== undefined && none.trim() !== '*') throw notImplemented('If-None-Match with anything but * on a write')
  if (none !== undefined && now) throw failedCondition('If-None-Match')
  if (match === undefined) return
  if (!now) throw noSuchKey()
  if (!lists(match, now.etag)) throw failedCondition('If-Match')
}

export interface Range { start: number; end: number }

/** The one range asked for, inclusive; undefined for all of it, also where the header makes no sense, as HTTP wants. */
export function rangeOf(h: Headers, o: Stored): Range | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(h.range?.trim() ?? '')
  if (!found || (!found[1] && !found[2])) return undefined
  const guard = first(h, 'if-range')
  if (guard && !(lists(guard, o.etag) || seconds(guard) === Math.floor(o.modified / 1000))) return undefined
  const start = found[1] ? Number(found[1]) : Math.max(0, o.size - Number(found[2]))
  const end = found[1] && found[2] ? Math.min(Number(found[2]), o.size - 1) : o.size - 1
  if (found[1] && found[2] && Number(found[2]) < Number(found[1])) return undefined
  if (start >= o.size || (!found[1] && Number(found[2]) === 0)) {
    throw new Fault(416, 'InvalidRange', 'The requested range is not satisfiable', { 'content-range': `bytes */${o.size}` })
  }
  return { start, end }
}

const ordinary = ['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires']
const unsupported = /^x-amz-(server-side-encryption|object-lock|tagging|website-redirect|grant-|write-offset|copy-source-server-side)/

/** What a write asks to be kept with the object. */
export function keptFrom(h: Headers): Kept {
  const kept: Kept = {}
  let meta = 0
  for (const [name, value] of Object.entries(h)) {
    if (value === undefined) continue
    const text = String(value)
    if (unsupported.test(name) || (name === 'x-amz-acl' && text !== 'private')) throw notImplemented(`The header ${name}`)
    if (name === 'x-amz-storage-class' && text !== 'STANDARD') throw new Fault(400, 'InvalidStorageClass', 'The only storage class here is STANDARD.')
    if (name.startsWith('x-amz-meta-')) {
      meta += name.length - 11 + text.length
      kept[name] = text
    } else if (ordinary.includes(name)) kept[name] = text
  }
  if (meta > 2048) throw new Fault(400, 'MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size of 2048 bytes.')
  const coding = kept['content-encoding']?.split(',').map((c) => c.trim()).filter((c) => c && c !== 'aws-chunked').join(',')
  if (coding) kept['content-encoding'] = coding
  else delete kept['content-encoding']
  return kept
}

export function whole(text: string | undefined, name: string, least: number, most: number, usual: number): number {
  if (text === undefined || text === '') return usual
  if (!/^\d{1,10}$/.test(text) || Number(text) < least) throw badArgument(`Argument ${name} must be an integer between ${least} and ${most}`)
  return Math.min(Number(text), most)
}
