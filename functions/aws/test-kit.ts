import { AwsClient } from 'aws4fetch'
import { XMLParser } from 'fast-xml-parser'
import type { Answer, Cloud } from '../../tests/harness/cloud.ts'

const xml = new XMLParser({ ignoreAttributes: true, parseTagValue: false, isArray: (name) => name === 'member' || name === 'item' })
export interface AwsAnswer extends Answer { code?: string; message?: string }

/** A user with a key, signing as an SDK would. */
export async function signer(c: Cloud, token: string) {
  const who = (await c.call('GET', '/identity/v3/auth/tokens', { token, headers: { 'x-subject-token': token } })).body.token
  const key = (await c.call('POST', `/identity/v3/users/${who.user.id}/credentials/OS-EC2`, { token, body: { tenant_id: who.project.id } })).body.credential as { access: string; secret: string }
  async function sign(service: string, path: string, init: { method?: string; body?: string; headers?: Record<string, string> } = {}, o: { region?: string; secret?: string; query?: boolean } = {}) {
    const aws = new AwsClient({ accessKeyId: key.access, secretAccessKey: o.secret ?? key.secret, service, region: o.region ?? 'RegionOne' })
    // Two that say the same in one second are told apart by what they sign.
    const headers = { ...init.headers, ...(o.query ? {} : { 'x-amz-nonce': crypto.randomUUID() }) }
    return aws.sign(`http://cloud.test${path}`, { method: init.method ?? 'POST', body: init.body, headers, aws: { allHeaders: true, signQuery: o.query } })
  }
  async function send(r: Request, text?: string): Promise<AwsAnswer> {
    const url = new URL(r.url), a = await c.call(r.method, url.pathname + url.search, { headers: Object.fromEntries(r.headers), raw: text })
    if (a.headers.get('content-type')?.includes('json')) return { ...a, code: a.body?.__type, message: a.body?.message }
    const tree = xml.parse(a.text) as any, error = tree.ErrorResponse?.Error ?? tree.Response?.Errors?.Error
    return { ...a, body: tree, code: error?.Code, message: error?.Message }
  }
  return {
    key, who, sign, send,
    /** A Query action; the answer's body is its result. */
    async query(service: string, path: string, Action: string, params: Record<string, unknown> = {}, o: { region?: string; secret?: string } = {}): Promise<AwsAnswer> {
      const text = new URLSearchParams([['Action', Action], ...flat(params)]).toString()
      const a = await send(await sign(service, path, { body: text, headers: { 'content-type': 'application/x-www-form-urlencoded' } }, o), text)
      const whole = a.body?.[`${Action}Response`]
      return { ...a, body: whole ? whole[`${Action}Result`] ?? {} : a.body }
    },
    /** An EC2 action: lists are flat, and the answer's body is what is in its element; lists of it are lists. */
    async ec2(Action: string, params: Record<string, unknown> = {}): Promise<AwsAnswer> {
      const text = new URLSearchParams([['Action', Action], ['Version', '2016-11-15'], ...flat(params, '', '.')]).toString()
      const a = await send(await sign('ec2', '/ec2', { body: text, headers: { 'content-type': 'application/x-www-form-urlencoded' } }), text)
      return { ...a, body: lists(a.body?.[`${Action}Response`] ?? a.body) }
    },
    async json(service: string, path: string, target: string, body: unknown = {}): Promise<AwsAnswer> {
      const text = JSON.stringify(body)
      return send(await sign(service, path, { body: text, headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target } }), text)
    },
  }
}
export type Signer = Awaited<ReturnType<typeof signer>>

/** `<aSet><item/></aSet>` as a list; an empty one is told by its name. */
function lists(v: any): any {
  if (Array.isArray(v)) return v.map(lists)
  if (!v || typeof v !== 'object') return v
  if (Array.isArray(v.item)) return lists(v.item)
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, x === '' && /Set$|^(ipPermissions(Egress)?|groups|ip(v6)?Ranges|blockDeviceMapping)$/.test(k) ? [] : lists(x)]))
}

export function flat(value: unknown, at = '', member = '.member.'): [string, string][] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value.length ? value.flatMap((v, i) => flat(v, `${at}${member}${i + 1}`, member)) : [[at, '']]
  if (value && typeof value === 'object') return Object.entries(value).flatMap(([k, v]) => flat(v, at ? `${at}.${k}` : k, member))
  return [[at, String(value)]]
}
