import { afterAll, beforeAll, expect, test } from 'vitest'
import { inside, type Inside } from './inside.ts'
import { simplesaml } from './simplesaml.ts'

/** Logins by a SAML provider that is none of ours: Debian's SimpleSAMLphp, with its own login page. */
let c: Inside, idp: Awaited<ReturnType<typeof simplesaml>>
const dashboard = 'http://dash.test/auth/websso/', of = 'OS-FEDERATION/identity_providers/uni/protocols/saml2', at = `/auth/${of}/websso`, v3 = 'http://cloud.test/identity/v3'
beforeAll(async () => {
  c = await inside()
  c.env.TRUSTED_DASHBOARDS = dashboard
  idp = await simplesaml(c.dir, { entityId: `${v3}/auth/${of}/metadata`, acs: v3 + at, ecp: `${v3}/${of}/auth` })
  const put = async (path: string, body: unknown) => { const r = await c.call('PUT', path, body, c.admin); if (r.status >= 300) throw new Error(`${path}: ${r.status} ${r.text}`) }
  const group = (await c.call('POST', '/groups', { group: { name: 'crew', domain_id: 'default' } }, c.admin)).body.group.id, role = (await c.call('GET', '/roles?name=member', undefined, c.admin)).body.roles[0].id
  await put(`/projects/${(await c.call('GET', '/projects?name=demo', undefined, c.admin)).body.projects[0].id}/groups/${group}/roles/${role}`, undefined)
  await put('/OS-FEDERATION/identity_providers/uni', { identity_provider: { enabled: true, remote_ids: [`${idp.base}/idp`] } })
  await put('/OS-FEDERATION/mappings/uni', { mapping: { rules: [{ local: [{ user: { name: '{0}', email: '{1}' } }], remote: [{ type: 'MELLON_NAME_ID' }, { type: 'mail' }] }, { local: [{ groups: '{0}', domain: { id: 'default' } }], remote: [{ type: 'MELLON_groups' }] }] } })
  await put(`/OS-FEDERATION/identity_providers/uni/protocols/saml2`, { protocol: { mapping_id: 'uni', client: { metadata: idp.metadata } } })
}, 120_000)
afterAll(async () => { await idp?.stop(); await c?.close() })

/** What a browser does: follows, keeps cookies, fills the login page in. Ends with the form that goes back to us. */
async function throughProvider(url: string, user: string, password: string): Promise<Record<string, string>> {
  const jar = new Map<string, string>()
  let form: Record<string, string> | undefined, pages = ''
  for (let i = 0; i < 12; i++) {
    const r: Response = await fetch(url, { redirect: 'manual', method: form ? 'POST' : 'GET', headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '), ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) }, body: form && new URLSearchParams(form).toString() })
    for (const s of r.headers.getSetCookie()) { const [, k, v] = /^([^=]+)=([^;]*)/.exec(s)!; jar.set(k, v) }
    form = undefined
    const to = r.headers.get('location')
    if (to) { url = new URL(to, url).href; continue }
    const page = pages = await r.text(), text = (s: string) => s.replaceAll('&amp;', '&').replaceAll('&#x3A;', ':').replaceAll('&#x2F;', '/').replaceAll('&quot;', '"')
    const fields = Object.fromEntries([...page.matchAll(/<input\b[^>]*>/g)].flatMap(([tag]) => { const name = /name="([^"]+)"/.exec(tag)?.[1]; return name ? [[name, text(/value="([^"]*)"/.exec(tag)?.[1] ?? '')]] : [] }))
    if (fields.SAMLResponse) return { ...fields, action: text(/<form[^>]*action="([^"]+)"/.exec(page)![1]) }
    if (/Incorrect|WRONGUSERPASS/i.test(page)) throw new Error('refused by the provider')
    form = { ...fields, username: user, password }
    url = new URL(text(/<form[^>]*action="([^"]*)"/.exec(page)?.[1] || url), url).href
  }
  throw new Error(`the provider goes in circles: ${pages.slice(0, 500)}`)
}
async function browse(user: string, password: string) {
  const out = await c.call('GET', `/auth/OS-FEDERATION/websso/saml2?origin=${encodeURIComponent(dashboard)}`)
  expect(out.status).toBe(302)
  const { action, SAMLResponse } = await throughProvider(out.headers.get('location')!, user, password), cookie = out.headers.get('set-cookie')!.split(';')[0]
  expect(action).toBe(v3 + at)
  const back = async (saml = SAMLResponse) => {
    const worker = (await import('../../functions/index.ts')).default
    const r = await worker.fetch(new Request(action, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', cookie }, body: new URLSearchParams({ SAMLResponse: saml }).toString() }), c.env, { waitUntil: () => {} })
    return { status: r.status, text: await r.text() }
  }
  return { SAMLResponse, back }
}

test('a browser logs in at the provider and comes back with a token, which opens what its groups open', async () => {
  const { back } = await browse('ada', 'engine'), r = await back(), token = /name="token" value="([^"]+)"/.exec(r.text)?.[1]
  expect([r.status, r.text.includes(`action="${dashboard}"`)]).toEqual([200, true])
  const projects = await c.call('GET', '/auth/projects', undefined, token)
  expect([projects.status, projects.body.projects.map((p: any) => p.name)]).toEqual([200, ['demo']])
  expect((await c.call('GET', '/auth/tokens', undefined, c.admin, { 'x-subject-token': token! })).body.token).toMatchObject({ methods: ['saml2'], user: { name: 'ada' } })
  expect((await back()).status).toBe(401)
})
test('of what the provider signed nothing can be changed', async () => {
  const { SAMLResponse, back } = await browse('bob', 'builder'), xml = Buffer.from(SAMLResponse, 'base64').toString()
  expect(xml).toContain('>bob<')
  expect((await back(Buffer.from(xml.replaceAll('>bob<', '>ada<')).toString('base64'))).status).toBe(401)
  expect((await back()).status).toBe(200)
  await expect(browse('bob', 'wrong')).rejects.toThrow('refused by the provider')
})
test('a command line logs in without a browser (ECP): the request it is given goes to the provider with a password, the answer comes here', async () => {
  const path = `/${of}/auth`, paos = { accept: 'text/html; application/vnd.paos+xml', paos: 'ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"' }
  const begin = async () => (await c.call('GET', path, undefined, undefined, paos)).text
  const provide = async (envelope: string, password: string) => (await fetch(`${idp.base}/saml2/idp/SSOService.php`, {
    method: 'POST', headers: { 'content-type': 'text/xml', authorization: `Basic ${btoa(`ada:${password}`)}` },
    body: `<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>${/<S:Body>([^]*)<\/S:Body>/.exec(envelope)![1]}</S:Body></S:Envelope>`,
  })).text()
  const asked = await begin(), answered = await provide(asked, 'engine')
  expect(/AssertionConsumerServiceURL="([^"]+)"/.exec(answered)?.[1]).toBe(v3 + path)
  const relay = /<ecp:RelayState[^]*?<\/ecp:RelayState>/.exec(asked)![0].replace(/ S:(mustUnderstand|actor)="[^"]*"/g, '')
  const worker = (await import('../../functions/index.ts')).default
  const bring = async (body: string) => worker.fetch(new Request(v3 + path, { method: 'POST', headers: { 'content-type': 'application/vnd.paos+xml' }, body: body.replace(/(<[\w-]+:Header[^>]*>)[^]*?(<\/[\w-]+:Header>)/, `$1${relay}$2`) }), c.env, { waitUntil: () => {} })
  const r = await bring(answered)
  expect([r.status, (await r.clone().json() as any).token?.user.name]).toEqual([201, 'ada'])
  expect((await bring(answered)).status).toBe(401)
  expect(await provide(await begin(), 'wrong')).not.toContain('Assertion ')
})
