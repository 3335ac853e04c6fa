import { Buffer } from 'node:buffer'
import type { Client, Entry } from 'ldapts'
import { unavailable } from '../../kernel/fault.ts'
import type { Directory } from './settings.ts'

export interface Person { dn: string; id: string; name: string; mail?: string; description?: string; enabled: boolean }
export interface Crew { dn: string; id: string; name: string; description: string; members: string[] }

/** One conversation with a directory, ended whatever happens; with the next of its addresses when one cannot be had. That none can is for the caller's words: 503. */
export async function talk<T>(d: Directory, work: (c: Client, ldap: typeof import('ldapts')) => Promise<T>): Promise<T> {
  const ldap = await import('ldapts')
  const tls = { rejectUnauthorized: d.verify, ...(d.ca.includes('BEGIN CERTIFICATE') && { ca: [d.ca] }) }
  for (const url of d.urls) {
    let client: Client | undefined
    try {
      client = new ldap.Client({ url, timeout: 10_000, connectTimeout: 5_000, ...(url.startsWith('ldaps:') ? { tlsOptions: tls } : d.startTls ? await upgraded(url) : {}) })
      if (d.user) await client.bind(d.user, d.password)
      return await work(client, ldap)
    } catch (e) {
      if (e instanceof Error && e.name === 'Fault') throw e
      console.warn(JSON.stringify({ level: 'warn', what: 'directory', url, error: e instanceof Error ? `${e.name}: ${e.message}` : String(e) }))
      // It answered, and another of the same directory would say the same.
      if (e instanceof ldap.ResultCodeError && !(e instanceof ldap.BusyError || e instanceof ldap.UnavailableError)) break
    } finally {
      await client?.unbind().catch(() => {})
    }
  }
  throw unavailable('The directory of this domain cannot be reached at the moment. Try again shortly.', { retryAfter: 5 })
}

/** For the library a connection of TLS from the start, since its own way from the one to the other is not the runtime's. */
async function upgraded(url: string) {
  const { hostname, port } = new URL(url.replace(/^ldap:/, 'http:')), { StartTls } = await import('./starttls.ts')
  return { url: url.replace(/^ldap:/, 'ldaps:'), createSecureConnection: (() => new StartTls(hostname, Number(port || 389))) as unknown as typeof import('node:tls').connect }
}

/** Sixteen bytes that are no text: Active Directory's objectGUID, as Keystone writes it. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], GUID = 'objectGUID'
const reordered = (b: Uint8Array) => Buffer.from(ORDER.map((i) => b[i]))
const worded = (v: unknown): string => (v instanceof Uint8Array ? reordered(v).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : String(v ?? ''))
/** What finds who has it: of a GUID, its bytes. */
const having = (ldap: typeof import('ldapts'), attribute: string, value: string) =>
  new ldap.EqualityFilter({ attribute, value: attribute.toLowerCase() === GUID.toLowerCase() ? reordered(Buffer.from(value.replaceAll('-', '').padEnd(32, '0'), 'hex')) : value })
const values = (e: Entry, attribute: string): unknown[] => { const key = Object.keys(e).find((k) => k.toLowerCase() === attribute.toLowerCase()); return key === undefined ? [] : [e[key]].flat() }
const first = (e: Entry, attribute: string): string => (attribute.toLowerCase() === 'dn' ? e.dn : worded(values(e, attribute)[0]))

/** All values, also of those Active Directory gives by the thousand (`member;range=0-1499`), a further trip for each. */
export async function all(c: Pick<Client, 'search'>, e: Entry, attribute: string): Promise<string[]> {
  const out = values(e, attribute), part = (x: Entry) => Object.keys(x).map((k) => /^(.*);range=(\d+)-(\d+|\*)$/i.exec(k)).find((m) => m?.[1].toLowerCase() === attribute.toLowerCase())
  for (let at: Entry | undefined = e, m = part(e); at && m; m = at && part(at)) {
    out.push(...values(at, m[0]))
    if (m[3] === '*') break
    at = (await c.search(e.dn, { scope: 'base', filter: '(objectClass=*)', attributes: [`${attribute};range=${Number(m[3]) + 1}-*`] })).searchEntries[0]
  }
  return out.map(worded)
}

/** By a number's bit (Active Directory's userAccountControl: mask 2), by a word, or simply by being there. */
function isEnabled(d: Directory, e: Entry): boolean {
  const text = first(e, d.users.enabled) || d.users.enabledDefault
  if (d.users.mask) return (Number(text) & d.users.mask) !== d.users.mask
  const yes = !/^(false|0|no)$/i.test(text)
  return d.users.invert ? !/^(true|1|yes)$/i.test(text) : yes
}
/** Where being in one group is what makes somebody enabled. */
async function emulated(c: Client, ldap: typeof import('ldapts'), of: { dn: string; member: string }, dn?: string): Promise<Set<string>> {
  try {
    const [e] = (await c.search(of.dn, { scope: 'base', filter: dn === undefined ? '(objectClass=*)' : new ldap.EqualityFilter({ attribute: of.member, value: dn }).toString(), attributes: dn === undefined ? [of.member] : ['1.1'] })).searchEntries
    return new Set(!e ? [] : dn === undefined ? (await all(c, e, of.member)).map(sameDn) : [sameDn(dn)])
  } catch (e) {
    if (e instanceof ldap.NoSuchObjectError) return new Set()
    throw e
  }
}
const person = (d: Directory, e: Entry): Person => ({ dn: e.dn, id: first(e, d.users.id), name: first(e, d.users.name), mail: first(e, d.users.mail) || undefined, description: first(e, d.users.description) || undefined, enabled: isEnabled(d, e) })

const filterOf = (objectClass: string, more: string) => `(&(objectClass=${objectClass})${more})`

/** One spelling for each name of an entry. */
export const sameDn = (dn: string) => dn.toLowerCase().replaceAll(/\s*([,=])\s*/g, '$1')

export async function everybody(d: Directory): Promise<{ people: Person[]; crews: Crew[] }> {
  return talk(d, async (c, ldap) => {
    const enabled = d.users.emulation && await emulated(c, ldap, d.users.emulation)
    const paged = { explicitBufferAttributes: [GUID], scope: d.scope === 'sub' ? 'sub' as const : 'one' as const, paged: { pageSize: d.pageSize } }
    const people = (await c.search(d.users.base, { ...paged, filter: filterOf(d.users.objectClass, d.users.filter), attributes: [d.users.id, d.users.name, d.users.mail, d.users.description, d.users.enabled] })).searchEntries
      .map((e) => person(d, e)).map((p) => (enabled ? { ...p, enabled: enabled.has(sameDn(p.dn)) } : p))
    const crews = await Promise.all((await c.search(d.groups.base, { ...paged, filter: filterOf(d.groups.objectClass, d.groups.filter), attributes: [d.groups.id, d.groups.name, d.groups.description, d.groups.member] })).searchEntries
      .map(async (e) => ({ dn: e.dn, id: first(e, d.groups.id), name: first(e, d.groups.name) || first(e, d.groups.id), description: first(e, d.groups.description), members: await all(c, e, d.groups.member) })))
    return { people: people.filter((p) => p.id && p.name), crews: crews.filter((g) => g.id && g.name) }
  })
}

/**
 * Is this the password? The directory is asked who that is now, and then by a bind as them; an empty password is never sent: many servers take
 * it for nobody's and say yes. Who is not there, is disabled, or has no id at all costs the same: a search, and a bind that nobody passes.
 */
export async function proves(d: Directory, id: string | undefined, password: string): Promise<boolean> {
  if (!password) return false
  return talk(d, async (c, ldap) => {
    const nobody = crypto.randomUUID(), own = having(ldap, d.users.id, id ?? nobody)
    const { searchEntries: found } = await c.search(d.users.base, { scope: d.scope === 'sub' ? 'sub' : 'one', filter: new ldap.AndFilter({ filters: [ldap.FilterParser.parseString(filterOf(d.users.objectClass, d.users.filter)), own] }), sizeLimit: 2, attributes: [d.users.id, d.users.name, d.users.enabled] })
    const only = found.length === 1 ? found[0].dn : undefined, { emulation } = d.users
    const enabled = emulation ? (await emulated(c, ldap, emulation, only ?? `cn=${nobody}`)).size === 1 && only !== undefined : only !== undefined && isEnabled(d, found[0]), dn = enabled ? only : undefined
    try { await c.bind(dn ?? `${d.users.id}=${nobody},${d.users.base}`, password) } catch (e) {
      if (e instanceof ldap.InvalidCredentialsError || e instanceof ldap.InappropriateAuthError || e instanceof ldap.UnwillingToPerformError || (dn === undefined && e instanceof ldap.ResultCodeError)) return false
      throw e
    }
    return dn !== undefined
  })
}
