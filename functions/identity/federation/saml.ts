import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { serviceProvider } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { Fault, forbidden } from '../../kernel/fault.ts'
import { base } from '../list.ts'
import { endpoint } from '../service.ts'
import { verifyToken } from '../tokens/authenticate.ts'
import type { TokenClaims } from '../tokens/claims.ts'
import { refused } from '../tokens/request.ts'
import { found, id } from '../wire.ts'
import { DSIG, el, keyInfo, signature, type Xml } from './xml.ts'

/** This cloud as an identity provider for another one: signed assertions of who somebody is here, for clouds an operator listed. */
const SAML = 'urn:oasis:names:tc:SAML:2.0', ASSERTION = `${SAML}:assertion`, PROTOCOL = `${SAML}:protocol`, LIFE = 3600
function pem(ctx: Ctx) {
  const { SAML_KEY: key, SAML_CERTIFICATE: certificate } = ctx.env
  if (!key || !certificate) throw new Fault('notFound', 'This cloud does not vouch for its users elsewhere: its operator has set no SAML_KEY and SAML_CERTIFICATE.')
  return { key, certificate }
}
const entity = (ctx: Ctx) => `${base(ctx)}/OS-FEDERATION/saml2/idp`
const iso = (micros: number) => `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19)}Z`
const attribute = (Name: string, ...values: string[]) => el('saml:Attribute', { Name, NameFormat: `${SAML}:attrname-format:uri` }, ...values.map((v) => el('saml:AttributeValue', {}, v)))

async function response(ctx: Ctx, c: TokenClaims, recipient: string): Promise<Xml> {
  const keys = pem(ctx), me = entity(ctx), now = ctx.now(), until = iso(Math.min(c.expiresAt, now + LIFE * 1e6)), ID = `_${ctx.uuid()}`, ns = { 'xmlns:saml': ASSERTION }
  const issuer = el('saml:Issuer', { Format: `${SAML}:nameid-format:entity` }, me)
  const rest = [
    el('saml:Subject', {}, el('saml:NameID', {}, c.user.name), el('saml:SubjectConfirmation', { Method: `${SAML}:cm:bearer` }, el('saml:SubjectConfirmationData', { NotOnOrAfter: until, Recipient: recipient }))),
    el('saml:Conditions', { NotBefore: iso(now), NotOnOrAfter: until }, el('saml:AudienceRestriction', {}, el('saml:Audience', {}, recipient))),
    el('saml:AuthnStatement', { AuthnInstant: iso(c.issuedAt), SessionIndex: ctx.uuid().replaceAll('-', ''), SessionNotOnOrAfter: until },
      el('saml:AuthnContext', {}, el('saml:AuthnContextClassRef', {}, `${SAML}:ac:classes:Password`), el('saml:AuthenticatingAuthority', {}, me))),
    el('saml:AttributeStatement', {}, attribute('openstack_user', c.user.name), attribute('openstack_user_domain', c.user.domain.name), attribute('openstack_roles', ...c.roles.map((r) => r.name)),
      attribute('openstack_project', c.project!.name), attribute('openstack_project_domain', c.project!.domain.name)),
  ]
  const assertion = (...sign: Xml[]) => el('saml:Assertion', { ...ns, ID, IssueInstant: iso(now), Version: '2.0' }, issuer, ...sign, ...rest)
  return el('samlp:Response', { 'xmlns:samlp': PROTOCOL, Destination: recipient, ID: `_${ctx.uuid()}`, IssueInstant: iso(now), Version: '2.0' },
    el('saml:Issuer', { ...ns, Format: `${SAML}:nameid-format:entity` }, me), el('samlp:Status', {}, el('samlp:StatusCode', { Value: `${SAML}:status:Success` })), assertion(await signature(keys, ID, assertion())))
}

const body = { '3.0': t.Object({ auth: t.Object({
  identity: t.Object({ methods: t.Array(t.Literal('token'), { minItems: 1, maxItems: 1 }), token: t.Object({ id: t.String({ maxLength: 8192 }) }) }),
  scope: t.Object({ service_provider: t.Object({ id }) }),
}) }) }

async function vouch(ctx: Ctx, { body }: Input) {
  const { identity, scope } = body.auth
  const claims = await verifyToken(ctx.env, ctx.world, ctx.basis.db, identity.token.id).catch(() => { throw refused() })
  if (!claims.project) throw forbidden('Use a project scoped token when attempting to create a SAML assertion.')
  if (claims.applicationCredential || claims.trust || claims.oauth) throw forbidden('What was lent is not vouched for elsewhere: use a token of your own.')
  const [[sp]] = await ctx.read(q.select().from(serviceProvider).where(and(eq(serviceProvider.id, scope.service_provider.id))))
  if (!found(sp, 'service provider', scope.service_provider.id).enabled) throw forbidden(`Service provider ${sp.id} is disabled.`)
  return { sp, xml: await response(ctx, claims, sp.spUrl) }
}
const xmlOf = (xml: Xml, headers: Record<string, string> = {}) => new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${xml.xml}`, { headers: { 'content-type': 'text/xml', 'cache-control': 'no-store', ...headers } })
const sent = (sp: typeof serviceProvider.$inferSelect) => ({ 'x-sp-url': sp.spUrl, 'x-auth-url': sp.authUrl })

export const saml = [
  endpoint({
    id: 'saml2.assertion', method: 'POST', path: '/auth/OS-FEDERATION/saml2', status: 200, policy: 'public', summary: 'Get a signed assertion of who a token is of, for another cloud', body,
    async handle(ctx, input) { const { sp, xml } = await vouch(ctx, input); return xmlOf(xml, sent(sp)) },
  }),
  endpoint({
    id: 'saml2.ecp', method: 'POST', path: '/auth/OS-FEDERATION/saml2/ecp', status: 200, policy: 'public', summary: 'The same, wrapped for enhanced clients', body,
    async handle(ctx, input) {
      const { sp, xml } = await vouch(ctx, input), soap = 'http://schemas.xmlsoap.org/soap/envelope/', ecp = `${SAML}:profiles:SSO:ecp`
      const to = { 'soap11:actor': 'http://schemas.xmlsoap.org/soap/actor/next', 'soap11:mustUnderstand': '1' }
      return xmlOf(el('soap11:Envelope', { 'xmlns:soap11': soap }, el('soap11:Header', {}, el('ecp:Response', { 'xmlns:ecp': ecp, AssertionConsumerServiceURL: sp.spUrl, ...to }),
        el('ecp:RelayState', { 'xmlns:ecp': ecp, ...to }, `${sp.relayStatePrefix}${ctx.uuid().replaceAll('-', '')}`)), el('soap11:Body', {}, xml)), sent(sp))
    },
  }),
  endpoint({
    id: 'saml2.metadata', method: 'GET', path: '/OS-FEDERATION/saml2/metadata', status: 200, policy: 'public', summary: 'What another cloud has to know of this one to believe it',
    handle(ctx) {
      const { certificate } = pem(ctx), md = `${SAML}:metadata`
      return xmlOf(el('md:EntityDescriptor', { 'xmlns:md': md, entityID: entity(ctx) }, el('md:IDPSSODescriptor', { protocolSupportEnumeration: PROTOCOL, WantAuthnRequestsSigned: 'false' },
        el('md:KeyDescriptor', { use: 'signing' }, keyInfo(certificate, { 'xmlns:ds': DSIG })), el('md:SingleSignOnService', { Binding: `${SAML}:bindings:URI`, Location: `${base(ctx)}/OS-FEDERATION/saml2/sso` }))))
    },
  }),
]
