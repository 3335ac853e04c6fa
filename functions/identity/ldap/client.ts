import type { Client, Entry } from 'ldapts'
import { unavailable } from '../../kernel/fault.ts'
import type { Directory } from './settings.ts'

export interface Person { dn: string; id: string; name: string; mail?: string; description?: string; enabled: boolean }
export interface Crew { dn: string; id: string; name: string; description: string; members: string[] }

/** One conversation with a directory, ended whatever happens. That it cannot be had is for the caller's words: 503. */
export async function talk<T>(d: Directory, work: (c: Client, ldap: typeof import('ldapts')) => Promise<T>): Promise<T> {
  // workerd opens a connection with TLS or without; it does not turn one into the other for this library.
  if (d.startTls && !d.url.startsWith('ldaps:')) throw unavailable('The directory of this domain is set to StartTLS (use_tls), which does not work here: give it an ldaps: address.')
  const ldap = await import('ldapts')
  const tls = { rejectUnauthorized: d.verify, ...(d.ca.includes('BEGIN CERTIFICATE') && { ca: [d.ca] }) }
  const client = new ldap.Client({ url: d.url, timeout: 10_000, connectTimeout: 5_000, ...(d.url.startsWith('ldaps:') && { tlsOptions: tls }) })
  try {
    if (d.user) await client.bind(d.user, d.password)
    return await work(client, ldap)
  } catch (e) {
    if (e instanceof Error && e.name === 'Fault') throw e
    console.warn(JSON.stringify({ level: 'warn', what: 'directory', url: d.url, error: e instanceof Error ? `${e.name}: ${e.message}` : String(e) }))
    throw unavailable('The directory of this domain cannot be reached at the moment. Try again shortly.', { retryAfter: 5 })
  } finally {
    await client.unbind().catch(() => {})
  }
}

const first = (e: Entry, attribute: string): string => {
  if (attribute.toLowerCase() === 'dn') return e.dn
  const key = Object.keys(e).find((k) => k.toLowerCase() === attribute.toLowerCase()), v = key === undefined ? undefined : e[key]
  return String((Array.isArray(v) ? v[0] : v) ?? '')
}
const all = (e: Entry, attribute: string): string[] => { const key = Object.keys(e).find((k) => k.toLowerCase() === attribute.toLowerCase()); return key === undefined ? [] : [e[key]].flat().map(String) }

/** By a number's bit (Active Directory's userAccountControl: mask 2), by a word, or simply by being there. */
function isEnabled(d: Directory, e: Entry): boolean {
  const text = first(e, d.users.enabled) || d.users.enabledDefault
  if (d.users.mask) return (Number(text) & d.users.mask) !== d.users.mask
  const yes = !/^(false|0|no)$/i.test(text)
  return d.users.invert ? !/^(true|1|yes)$/i.test(text) : yes
}
const person = (d: Directory, e: Entry): Person => ({ dn: e.dn, id: first(e, d.users.id), name: first(e, d.users.name), mail: first(e, d.users.mail) || undefined, description: first(e, d.users.description) || undefined, enabled: isEnabled(d, e) })

const filterOf = (objectClass: string, more: string, own = '') => `(&(objectClass=${objectClass})${more}${own})`

export async function everybody(d: Directory): Promise<{ people: Person[]; crews: Crew[] }> {
  return talk(d, async (c) => {
    const paged = { scope: d.scope === 'sub' ? 'sub' as const : 'one' as const, paged: { pageSize: d.pageSize } }
    const people = (await c.search(d.users.base, { ...paged, filter: filterOf(d.users.objectClass, d.users.filter), attributes: [d.users.id, d.users.name, d.users.mail, d.users.description, d.users.enabled] })).searchEntries.map((e) => person(d, e))
    const crews = (await c.search(d.groups.base, { ...paged, filter: filterOf(d.groups.objectClass, d.groups.filter), attributes: [d.groups.id, d.groups.name, d.groups.description, d.groups.member] })).searchEntries
      .map((e) => ({ dn: e.dn, id: first(e, d.groups.id), name: first(e, d.groups.name) || first(e, d.groups.id), description: first(e, d.groups.description), members: all(e, d.groups.member) }))
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
    const nobody = crypto.randomUUID(), own = new ldap.EqualityFilter({ attribute: d.users.id, value: id ?? nobody }).toString()
    const { searchEntries: found } = await c.search(d.users.base, { scope: d.scope === 'sub' ? 'sub' : 'one', filter: filterOf(d.users.objectClass, d.users.filter, own), sizeLimit: 2, attributes: [d.users.id, d.users.name, d.users.enabled] })
    const dn = found.length === 1 && isEnabled(d, found[0]) ? found[0].dn : undefined
    try { await c.bind(dn ?? `${d.users.id}=${nobody},${d.users.base}`, password) } catch (e) {
      if (e instanceof ldap.InvalidCredentialsError || e instanceof ldap.InappropriateAuthError || e instanceof ldap.UnwillingToPerformError || (dn === undefined && e instanceof ldap.ResultCodeError)) return false
      throw e
    }
    return dn !== undefined
  })
}
