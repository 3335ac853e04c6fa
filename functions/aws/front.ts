import { Type as t, type Static, type TObject } from 'typebox'
import { holderOf } from '../identity/credentials/holder.ts'
import { parseJson, readText } from '../kernel/body.ts'
import { Ctx } from '../kernel/ctx.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Fault } from '../kernel/fault.ts'
import type { Check } from '../kernel/policy.ts'
import type { Heard, Protocol } from '../kernel/protocol.ts'
import { service, type Service } from '../kernel/service.ts'
import { awsFault, named, type Codes } from './faults.ts'
import { once, spend } from './once.ts'
import { shaped, tree } from './query.ts'
import { claimOf, verify } from './sign.ts'
import { xmlOf, xmlText } from './xml.ts'

/**
 * A service as AWS's clients know it: actions with shapes, by one of its protocols, signed with EC2 keys. `query`: form in,
 * XML out; `ec2`: the same with EC2's own spelling; `json`: JSON 1.1 with X-Amz-Target.
 */
export interface FrontConfig<R extends string> {
  name: string
  /** The catalog's type. */
  type: string
  mount: string
  prefixes: string[]
  protocol: 'query' | 'ec2' | 'json'
  /** The API version clients name, and the XML namespace or the prefix of targets that goes with it. */
  version: string
  namespace: string
  rules: Record<R, Check>
  codes?: Codes
  /** Names signatures may be scoped to; the service's own when not said. */
  signedAs?: string[]
  /** Clients of services that AWS has one of for the whole world sign for this region, whatever is configured. */
  global?: boolean
  versions?: Service['versions']
  bodyLimit?: number
}

export interface Action<R extends string, I extends TObject> {
  policy: R | 'public'
  summary: string
  input: I
  handle: (ctx: Ctx, input: Static<I>, about: { request: Request }) => unknown
}

const closed = { additionalProperties: false } as const
/** A structure of a request. */
export const shape = <P extends Record<string, import('typebox').TSchema>>(properties: P) => t.Object(properties, closed)

export function front<R extends string>(c: FrontConfig<R>) {
  const media = c.protocol === 'json' ? 'application/x-amz-json-1.1' : 'text/xml'
  const s = service({
    name: c.name, type: c.type, mount: c.mount, prefixes: c.prefixes, rules: c.rules, bodyLimit: c.bodyLimit, requestIdHeaders: ['x-amzn-requestid'],
    versions: c.versions ?? (() => undefined), protocol: protocolOf(c, media),
    render(f, status, { requestId }) {
      const { code, status: own, sender } = named(f, status, c.codes ?? {})
      return { status: own, type: media, body: failure(c, code, f, requestId, sender) }
    },
  })
  return {
    ...s,
    action: <I extends TObject>(name: string, a: Action<R, I>): Endpoint => s.endpoint({
      id: name, key: name, method: 'POST', path: '/', status: 200, policy: a.policy, summary: a.summary, body: { [c.version]: a.input },
      handle: (ctx, { body, request }) => a.handle(ctx, body as Static<I>, { request }),
    }),
  }
}

function failure<R extends string>(c: FrontConfig<R>, code: string, f: Fault, requestId: string, sender: boolean): unknown {
  const error = `<Code>${xmlText(code)}</Code><Message>${xmlText(f.message)}</Message>`
  if (c.protocol === 'json') return { __type: code, message: f.message, Message: f.message }
  if (c.protocol === 'ec2') return `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>${error}</Error></Errors><RequestID>${requestId}</RequestID></Response>`
  return `<ErrorResponse xmlns="${c.namespace}"><Error><Type>${sender ? 'Sender' : 'Receiver'}</Type>${error}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
}

function protocolOf<R extends string>(c: FrontConfig<R>, media: string): Protocol {
  return {
    media: c.protocol === 'json' ? media : 'application/x-www-form-urlencoded',
    hear: c.protocol === 'json' ? hearJson(c.namespace) : hearQuery(c.protocol === 'query' ? c.version : undefined),

    /** A signature, or a token of the identity service, as everywhere else. One read. */
    async caller(app, s, shared, request, url, path, heard) {
      if (request.headers.has('x-auth-token')) {
        const caller = await app.authenticate(request, shared.db, { type: s.type, path })
        if (caller) return { caller }
      }
      const claim = claimOf(request, url, heard.text)
      if (!claim) throw awsFault('MissingAuthenticationToken', 'Request is missing Authentication Token')
      const ctx = new Ctx({ ...shared, action: 'sign' }), home = app.env.REGION ?? 'RegionOne'
      const holder = await holderOf(ctx, claim.access, { type: s.type, path, method: request.method })
      verify(claim, holder?.secret, Math.floor(app.world.now() / 1000), { service: c.signedAs ?? [c.name], regions: c.global ? [home, 'us-east-1'] : [home] })
      if (!holder?.caller) throw awsFault('InvalidClientTokenId', 'The security token included in the request is invalid: its holder may do nothing here any more.')
      await once(app.env, claim, request)
      return { caller: holder.caller, along: spend(claim) }
    },

    unknown: ({ key }) => (c.protocol === 'json' ? awsFault('UnknownOperationException', `There is no operation ${key}.`) : awsFault('InvalidAction', `Could not find operation ${key} for version ${c.version}`)),
    body: (e, heard) => (c.protocol === 'json' ? heard.json : shaped(Object.values(e.body!)[0], tree(heard.params), { flat: c.protocol === 'ec2' })),

    answer(out, e, { requestId }, headers) {
      headers.set('content-type', media)
      const name = e.key!
      if (c.protocol === 'json') return new Response(JSON.stringify(out ?? {}), { status: 200, headers })
      if (c.protocol === 'ec2') return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n<${name}Response xmlns="${c.namespace}"><requestId>${requestId}</requestId>${xmlOf(out ?? { return: true }, 'item')}</${name}Response>`, { status: 200, headers })
      const result = out === undefined ? '' : `<${name}Result>${xmlOf(out)}</${name}Result>`
      return new Response(`<${name}Response xmlns="${c.namespace}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`, { status: 200, headers })
    },
  }
}

const hearQuery = (version: string | undefined) => async (request: Request, url: URL, limit: number): Promise<Heard> => {
  const text = request.method === 'POST' ? await readText(request, limit) : ''
  const params = [...url.searchParams, ...new URLSearchParams(text)]
  if (params.some(([k, v]) => k.includes('\0') || v.includes('\0'))) throw awsFault('ValidationError', 'A parameter has a NUL character.')
  const given = (name: string) => params.filter(([k]) => k === name)
  if (given('Action').length > 1) throw awsFault('MalformedQueryString', 'Action is given more than once.')
  const key = given('Action')[0]?.[1], asked = given('Version')[0]?.[1]
  if (!key) throw awsFault('MissingAction', 'The request has no Action.')
  if (version && asked && asked !== version) throw awsFault('InvalidAction', `Could not find operation ${key.slice(0, 100)} for version ${asked.slice(0, 40)}`)
  return { key: key.slice(0, 100), text, params }
}

const hearJson = (prefix: string) => async (request: Request, _url: URL, limit: number): Promise<Heard> => {
  const text = await readText(request, limit), [target, key] = (request.headers.get('x-amz-target') ?? '').split('.')
  if (target !== prefix || !key) throw awsFault('UnknownOperationException', `X-Amz-Target has to name an operation of ${prefix}.`)
  const json = parseJson(text || '{}')
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw awsFault('SerializationException', 'The body is not a JSON object.')
  return { key: key.slice(0, 100), text, params: [], json }
}
