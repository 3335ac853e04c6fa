import { Buffer } from 'node:buffer'
import { SignedXml } from 'xml-crypto'
import { XMLParser } from 'fast-xml-parser'
import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud, admin: string, publicKey: string
const pem = (what: string, der: ArrayBuffer) => `-----BEGIN ${what}-----\n${Buffer.from(der).toString('base64').replaceAll(/(.{64})/g, '$1\n')}\n-----END ${what}-----\n`
const keys = async () => {
  const k = await crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign', 'verify']) as CryptoKeyPair
  return { key: pem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', k.privateKey) as ArrayBuffer), pub: pem('PUBLIC KEY', await crypto.subtle.exportKey('spki', k.publicKey) as ArrayBuffer) }
}
beforeAll(async () => {
  c = await identityCloud(); admin = await c.admin()
  const k = await keys()
  publicKey = k.pub
  c.env.SAML_KEY = k.key
  c.env.SAML_CERTIFICATE = k.pub
  for (const [id, enabled] of [['near', true], ['off', false]] as const) await c.v3('PUT', `/OS-FEDERATION/service_providers/${id}`, admin, { service_provider: { auth_url: 'https://near.test/auth', sp_url: 'https://near.test/sp?a=1&b=2', enabled } })
})
const ask = (token: string, sp = 'near', ecp = '') => c.v3('POST', `/auth/OS-FEDERATION/saml2${ecp}`, undefined, { auth: { identity: { methods: ['token'], token: { id: token } }, scope: { service_provider: { id: sp } } } })
function holds(xml: string, key = publicKey) {
  const check = new SignedXml({ publicCert: key, getCertFromKeyInfo: () => null })
  check.loadSignature(/<ds:Signature [^]*<\/ds:Signature>/.exec(xml)![0])
  try { return check.checkSignature(xml) } catch { return false }
}

it('vouches for a user in words that another implementation verifies, and for nothing changed since', async () => {
  const p = await c.person('ada <&> "lovelace"'), r = await ask(await p.token())
  expect([r.status, r.headers.get('content-type'), r.headers.get('x-sp-url'), r.headers.get('x-auth-url')]).toEqual([200, 'text/xml', 'https://near.test/sp?a=1&b=2', 'https://near.test/auth'])
  expect(holds(r.text)).toBe(true)
  expect(holds(r.text.replace('>member<', '>admin<'))).toBe(false)
  expect(holds(r.text, (await keys()).pub)).toBe(false)
  const { Assertion: a } = new XMLParser({ ignoreAttributes: false, removeNSPrefix: true }).parse(r.text).Response
  const said = Object.fromEntries(a.AttributeStatement.Attribute.map((x: any) => [x['@_Name'], x.AttributeValue]))
  expect(said).toMatchObject({ openstack_user: 'ada <&> "lovelace"', openstack_user_domain: 'Default', openstack_project: 'demo' })
  expect([a.Subject.NameID, a.Conditions.AudienceRestriction.Audience, said.openstack_roles.sort()]).toEqual(['ada <&> "lovelace"', 'https://near.test/sp?a=1&b=2', ['member', 'reader']])
  expect((await ask(await p.token(), 'near', '/ecp')).text).toMatch(/^<\?xml[^]*<soap11:Envelope[^]*AssertionConsumerServiceURL="https:\/\/near.test\/sp\?a=1&amp;b=2"/)
})
it('vouches for nobody without a project, with something lent, to a cloud that is not listed, or when nothing is set', async () => {
  const p = await c.person('plain'), token = await p.token()
  const { application_credential: app } = (await c.v3('POST', `/users/${p.id}/application_credentials`, token, { application_credential: { name: 'x' } })).body
  const lent = (await c.auth(c.by.app(app.id, app.secret))).headers.get('x-subject-token')!
  expect(await Promise.all([ask(await p.token('unscoped')), ask(lent), ask(token, 'off'), ask(token, 'nowhere'), ask('junk')].map(async (r) => (await r).status))).toEqual([403, 403, 403, 404, 401])
  expect((await c.v3('GET', '/OS-FEDERATION/saml2/metadata')).text).toContain('entityID="http://cloud.test/identity/v3/OS-FEDERATION/saml2/idp"')
  c.env.SAML_KEY = undefined
  expect([(await ask(token)).status, (await c.v3('GET', '/OS-FEDERATION/saml2/metadata')).status]).toEqual([404, 404])
})
