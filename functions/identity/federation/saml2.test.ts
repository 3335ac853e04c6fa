import { Buffer } from 'node:buffer'
import { inflateRawSync } from 'node:zlib'
import { SignedXml } from 'xml-crypto'
import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'
import { CERTIFICATE, KEY, OTHER_KEY } from './test-provider.ts'

/** Logins that a SAML provider vouches for, and what attackers make of such answers. */
let c: IdentityCloud, admin: string
const IDP = 'https://idp.test/metadata', DASH = 'http://dash.test/auth/websso/', at = '/auth/OS-FEDERATION/identity_providers/uni/protocols/saml2/websso', ACS = `http://cloud.test/identity/v3${at}`, SP = ACS.replace(/websso$/, 'metadata')
const protocol = { mapping_id: 'uni', client: { idp_entity_id: IDP, sso_url: 'https://idp.test/sso', certificates: [CERTIFICATE] } }
beforeAll(async () => {
  c = await identityCloud(); admin = await c.admin()
  c.env.TRUSTED_DASHBOARDS = DASH
  await c.v3('PUT', '/OS-FEDERATION/identity_providers/uni', admin, { identity_provider: { enabled: true, remote_ids: [IDP] } })
  await c.v3('PUT', '/OS-FEDERATION/mappings/uni', admin, { mapping: { rules: [{ local: [{ user: { name: '{0}', email: '{1}' } }], remote: [{ type: 'MELLON_NAME_ID' }, { type: 'mail' }] }] } })
  expect((await c.v3('PUT', '/OS-FEDERATION/identity_providers/uni/protocols/saml2', admin, { protocol })).status).toBe(201)
})

/** A browser sent off: what it remembers, and the id of the request it carries. */
async function begin() {
  const out = await c.v3('GET', `${at}?origin=${encodeURIComponent(DASH)}`)
  expect(out.status).toBe(302)
  const to = new URL(out.headers.get('location')!), xml = inflateRawSync(Buffer.from(to.searchParams.get('SAMLRequest')!, 'base64')).toString()
  return { to, xml, id: /ID="([^"]+)"/.exec(xml)![1], cookie: out.headers.get('set-cookie')!.split(';')[0] }
}
interface Say { id?: string; to: string; name?: string; recipient?: string; audience?: string; issuer?: string; from?: number; until?: number; destination?: string; attributes?: string; issued?: number }
const stamp = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString()
const NS = 'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
const assertion = ({ id = `_${crypto.randomUUID()}`, to, name = 'ada', recipient = ACS, audience = SP, issuer = IDP, from = -10, until = 300, issued = 0, attributes = '<saml:Attribute Name="mail"><saml:AttributeValue>ada@uni.test</saml:AttributeValue></saml:Attribute>' }: Say) =>
  `<saml:Assertion ${NS} ID="${id}" Version="2.0" IssueInstant="${stamp(issued)}"><saml:Issuer>${issuer}</saml:Issuer><saml:Subject><saml:NameID>${name}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="${stamp(until)}" Recipient="${recipient}" InResponseTo="${to}"/></saml:SubjectConfirmation></saml:Subject>${audience === '' ? `<saml:Conditions NotBefore="${stamp(from)}" NotOnOrAfter="${stamp(until)}"/>` : `<saml:Conditions NotBefore="${stamp(from)}" NotOnOrAfter="${stamp(until)}"><saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`}<saml:AuthnStatement AuthnInstant="${stamp(0)}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>${attributes}</saml:AttributeStatement></saml:Assertion>`
const response = (inner: string, say: Say) => `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_${crypto.randomUUID()}" Version="2.0" IssueInstant="${stamp(0)}" Destination="${say.destination ?? ACS}" InResponseTo="${say.to}"><saml:Issuer ${NS}>${say.issuer ?? IDP}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>${inner}</samlp:Response>`
function sign(xml: string, what: 'Assertion' | 'Response' = 'Assertion', key = KEY, algorithm = 'sha256') {
  const s = new SignedXml({ privateKey: key, signatureAlgorithm: algorithm === 'sha1' ? 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' : 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', canonicalizationAlgorithm: 'http://www.w3.org/2001/10/xml-exc-c14n#' })
  s.addReference({ xpath: `//*[local-name(.)='${what}']`, digestAlgorithm: algorithm === 'sha1' ? 'http://www.w3.org/2000/09/xmldsig#sha1' : 'http://www.w3.org/2001/04/xmlenc#sha256', transforms: ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', 'http://www.w3.org/2001/10/xml-exc-c14n#'] })
  s.computeSignature(xml, { location: { reference: `//*[local-name(.)='${what}']/*[local-name(.)='Issuer']`, action: 'after' } })
  return s.getSignedXml()
}
const post = (xml: string, cookie: string) => c.call('POST', `/identity/v3${at}`, { raw: new URLSearchParams({ SAMLResponse: Buffer.from(xml).toString('base64'), RelayState: '' }).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded', cookie } })
const good = (say: Say) => response(sign(assertion(say)), say)
const userOf = async (r: { text: string }) => (await c.v3('GET', '/auth/tokens', admin, undefined, { 'x-subject-token': /name="token" value="([^"]+)"/.exec(r.text)![1] })).body.token

it('a browser comes back with a token, for whom the provider named and by its words', async () => {
  const b = await begin(), r = await post(good({ to: b.id }), b.cookie)
  expect([b.to.origin, b.xml.includes(`AssertionConsumerServiceURL="${ACS}"`), b.xml.includes(SP), r.status, r.text.includes(`action="${DASH}"`)]).toEqual(['https://idp.test', true, true, 200, true])
  expect(await userOf(r)).toMatchObject({ methods: ['saml2'], user: { name: 'ada', 'OS-FEDERATION': { identity_provider: { id: 'uni' }, protocol: { id: 'saml2' } } } })
  const whole = await begin()
  expect((await userOf(await post(sign(response(assertion({ to: whole.id, name: 'grace' }), { to: whole.id }), 'Response'), whole.cookie))).user.name).toBe('grace')
})
it('says of itself what a provider has to know, and reads what one says of itself', async () => {
  const m = await c.call('GET', `/identity/v3${at.replace(/websso$/, 'metadata')}`)
  expect([m.status, m.headers.get('content-type')]).toEqual([200, 'application/samlmetadata+xml'])
  for (const part of [`entityID="${SP}"`, `Location="${ACS}"`, 'HTTP-POST']) expect(m.text).toContain(part)
  const body = CERTIFICATE.replaceAll(/-----[^-]+-----|\n/g, ''), metadata = `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="${IDP}"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.test/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`
  const r = await c.v3('PATCH', '/OS-FEDERATION/identity_providers/uni/protocols/saml2', admin, { protocol: { client: { metadata } } })
  expect([r.status, r.body.protocol.client]).toEqual([200, { idp_entity_id: IDP, sso_url: 'https://idp.test/sso', certificates: [expect.stringContaining('BEGIN CERTIFICATE')] }])
  for (const bad of ['<x/>', '<!DOCTYPE x [<!ENTITY e "e">]><x/>', 'nothing']) expect((await c.v3('PATCH', '/OS-FEDERATION/identity_providers/uni/protocols/saml2', admin, { protocol: { client: { metadata: bad } } })).status).toBe(400)
})
it('an answer is good once, for the browser that asked, and for nobody to whom nothing was asked', async () => {
  const b = await begin(), xml = good({ to: b.id }), [one, two] = await Promise.all([post(xml, b.cookie), post(xml, b.cookie)]), other = await begin()
  expect([one.status, two.status].sort()).toEqual([200, 401])
  expect((await post(xml, b.cookie)).status).toBe(401)
  expect((await post(good({ to: b.id }), other.cookie)).status).toBe(401)
  expect((await post(good({ to: other.id }), '')).status).toBe(401)
  const unasked = good({ to: 'x' }).replaceAll(/ InResponseTo="x"/g, '')
  expect((await post(unasked, other.cookie)).status).toBe(401)
})
it.each<[string, (to: string) => string]>([
  ['not signed', (to) => response(assertion({ to }), { to })],
  ['signed by somebody else', (to) => response(sign(assertion({ to }), 'Assertion', OTHER_KEY), { to })],
  ['signed with SHA-1', (to) => response(sign(assertion({ to }), 'Assertion', KEY, 'sha1'), { to })],
  ['changed after it was signed', (to) => good({ to }).replace('>ada<', '>root<')],
  ['for another audience', (to) => good({ to, audience: 'https://other.test' })],
  ['for no audience', (to) => good({ to, audience: '' })],
  ['confirmed for another place', (to) => good({ to, recipient: 'https://other.test/acs' })],
  ['sent to another place', (to) => good({ to, destination: 'https://other.test/acs' })],
  ['of another provider', (to) => good({ to, issuer: 'https://evil.test' })],
  ['over', (to) => good({ to, from: -900, until: -200, issued: -900 })],
  ['not yet', (to) => good({ to, from: 200, until: 900 })],
  ['an old one, though it says it lasts', (to) => good({ to, issued: -3600, from: -3600, until: 3600 })],
  ['with a DTD', (to) => `<!DOCTYPE x [<!ENTITY n "root">]>${good({ to })}`],
  ['no XML', () => 'nothing'], ['a failure', (to) => response('', { to }).replace('status:Success', 'status:AuthnFailed')],
])('is refused: %s', async (_, make) => {
  const b = await begin(), r = await post(make(b.id), b.cookie)
  expect([r.status, r.body?.error.message]).toEqual([401, 'The answer of the identity provider is not good.'])
})
it('clocks may differ by two minutes', async () => {
  for (const say of [{ from: 60, until: 400 }, { from: -400, until: -60, issued: -400 }]) { const b = await begin(); expect((await post(good({ to: b.id, ...say }), b.cookie)).status).toBe(200) }
})
/** The eight ways to wrap a signature, of the paper "On Breaking SAML", and a comment in a name. */
const evil = (to: string) => assertion({ to, name: 'root', id: '_evil' })
const parts = (to: string) => { const signed = sign(assertion({ to, id: '_good' })), signature = /<Signature[^]*<\/Signature>/.exec(signed)![0]; return { signed, signature, bare: signed.replace(signature, '') } }
const inside = (outer: string, what: string) => outer.replace('</saml:Assertion>', `${what}</saml:Assertion>`)
const put = (outer: string, what: string) => outer.replace('</saml:Issuer>', `</saml:Issuer>${what}`)
it.each<[string, (to: string) => string]>([
  ['a false response around the true one', (to) => { const r = sign(response(assertion({ to }), { to }), 'Response'); return response(evil(to) + r, { to }) }],
  ['the true response within the signature of a false one', (to) => { const r = sign(response(assertion({ to }), { to }), 'Response'), s = /<Signature[^]*<\/Signature>/.exec(r)![0]; return put(response(evil(to), { to }), s.replace('</Signature>', `<Object>${r.replace(s, '')}</Object></Signature>`)) }],
  ['a false assertion before the true one', (to) => response(evil(to) + parts(to).signed, { to })],
  ['a false assertion after the true one', (to) => response(parts(to).signed + evil(to), { to })],
  ['the true assertion within the false one', (to) => response(inside(evil(to), parts(to).signed), { to })],
  ['the signature moved to the false one, the true one within it', (to) => { const p = parts(to); return response(put(evil(to), p.signature.replace('</Signature>', `<Object>${p.bare}</Object></Signature>`)), { to }) }],
  ['the signature moved, the true one beside it', (to) => { const p = parts(to); return response(put(evil(to), p.signature) + p.bare, { to }) }],
  ['the true assertion in extensions', (to) => response(evil(to), { to }).replace('<samlp:Status>', `<samlp:Extensions>${parts(to).signed}</samlp:Extensions><samlp:Status>`)],
  ['both by one id', (to) => { const p = parts(to); return response(evil(to).replace('_evil', '_good') + p.signed, { to }) }],
  ['two signatures, one of them of something else', (to) => { const p = parts(to); return response(put(evil(to), p.signature + p.signature), { to }) }],
])('a wrapped signature covers nothing but what was signed: %s', async (_, make) => {
  const b = await begin(), r = await post(make(b.id), b.cookie)
  if (r.status === 200) expect((await userOf(r)).user.name).toBe('ada')
  else expect(r.status).toBe(401)
})
it('a comment does not cut a name short, nor do two attributes of one name make one', async () => {
  const b = await begin(), r = await post(good({ to: b.id, name: 'root<!-- -->.mallory' }), b.cookie)
  expect(r.status === 200 ? (await userOf(r)).user.name : 'refused').not.toBe('root')
})
it('command lines carry the request to the provider themselves (ECP), and bring the answer', async () => {
  const path = '/identity/v3/OS-FEDERATION/identity_providers/uni/protocols/saml2/auth', acs = `http://cloud.test${path}`
  const ask = await c.call('GET', path, { headers: { accept: 'text/html, application/vnd.paos+xml', paos: 'ver="urn:liberty:paos:2003-08"' } })
  expect([ask.status, ask.headers.get('content-type')]).toEqual([200, 'application/vnd.paos+xml'])
  const id = /AuthnRequest[^>]* ID="([^"]+)"/.exec(ask.text)![1], state = /<ecp:RelayState[^>]*>([^<]+)</.exec(ask.text)![1]
  expect([ask.text.includes(`responseConsumerURL="${acs}"`), ask.text.includes('bindings:PAOS')]).toEqual([true, true])
  const bring = (xml: string, relay = state) => c.call('POST', path, { raw: `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header><ecp:RelayState xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp">${relay}</ecp:RelayState></S:Header><S:Body>${xml}</S:Body></S:Envelope>`, headers: { 'content-type': 'application/vnd.paos+xml' } })
  const say = { to: id, recipient: acs, destination: acs, name: 'ecp-user' }
  const r = await bring(good(say))
  expect([r.status, r.body.token.user.name, r.headers.get('x-subject-token')?.length! > 100]).toEqual([201, 'ecp-user', true])
  expect((await bring(good({ ...say, id: '_again' }), 'v1:AAAA:AAAA')).status).toBe(401)
  expect((await bring(good({ ...say, recipient: ACS }))).status).toBe(401)
})
