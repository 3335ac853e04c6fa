import { Buffer } from 'node:buffer'
import type { Profile, SAML } from '@node-saml/node-saml'
import { XMLParser } from 'fast-xml-parser'
import { idempotency } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { invalid, unauthorized } from '../../kernel/fault.ts'
import type { Assertion } from './rules.ts'

/** A SAML 2 provider as its metadata describes it. `entity_id`: what this cloud is called there, when it is not the address of its own metadata. */
export interface SamlClient { idp_entity_id: string; sso_url: string; certificates: string[]; entity_id?: string }
export const isSaml = (client: object | undefined): client is SamlClient => client !== undefined && 'sso_url' in client

const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', SKEW = 120_000, LIFE = 600
const pem = (text: string) => `-----BEGIN CERTIFICATE-----\n${(text.replaceAll(/-----[^-]+-----|\s/g, '').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
const list = <T>(v: T | T[] | undefined): T[] => (v === undefined ? [] : Array.isArray(v) ? v : [v])

/** What a protocol's `client` says, a provider's metadata put into its parts. */
export function samlClientOf(given: Record<string, unknown>): SamlClient {
  if (typeof given.metadata !== 'string') return { ...given, certificates: (given.certificates as string[]).map(pem) } as unknown as SamlClient
  if (/<!(DOCTYPE|ENTITY)/i.test(given.metadata)) throw invalid("Invalid input for field 'metadata': it has a DTD.")
  const found = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@', removeNSPrefix: true, parseTagValue: false, parseAttributeValue: false }).parse(given.metadata).EntityDescriptor, idp = list(found?.IDPSSODescriptor)[0]
  const sso = list(idp?.SingleSignOnService).find((s) => s['@Binding'] === REDIRECT)?.['@Location']
  const certificates = list(idp?.KeyDescriptor).filter((k) => k['@use'] !== 'encryption').flatMap((k) => list(k.KeyInfo?.X509Data)).flatMap((x) => list(x.X509Certificate)).map((c) => pem(String(typeof c === 'object' ? c['#text'] : c)))
  if (!found?.['@entityID'] || !/^https?:\/\//.test(sso ?? '') || !certificates.length) throw invalid("Invalid input for field 'metadata': it is no metadata of an identity provider with a redirect binding and a certificate.")
  return { idp_entity_id: String(found['@entityID']), sso_url: String(sso), certificates, ...(given.entity_id ? { entity_id: String(given.entity_id) } : {}) }
}

/** Where this cloud takes answers, and what it is called: both of its public address, so that proxies in front change nothing. */
export interface Place { acs: string; name: string; ecp: string }
export function placeOf(ctx: Ctx, client: SamlClient, idp: string, protocol: string): Place {
  const v3 = `${ctx.env.PUBLIC_URL ?? ctx.origin}/identity/v3`, of = `OS-FEDERATION/identity_providers/${encodeURIComponent(idp)}/protocols/${encodeURIComponent(protocol)}`
  return { acs: `${v3}/auth/${of}/websso`, ecp: `${v3}/${of}/auth`, name: client.entity_id ?? `${v3}/auth/${of}/metadata` }
}

/** `asked`: the request an answer has to be to; the library looks for it where it would keep its own. */
async function library(ctx: Ctx, client: SamlClient, { acs, name }: Place, asked?: { id: string; at: number }, made?: (id: string) => void): Promise<SAML> {
  const { SAML, ValidateInResponseTo } = await import('@node-saml/node-saml')
  const when = asked && new Date(asked.at / 1000).toISOString()
  return new SAML({
    callbackUrl: acs, issuer: name, audience: name, entryPoint: client.sso_url, idpIssuer: client.idp_entity_id, idpCert: client.certificates, identifierFormat: null, disableRequestedAuthnContext: true,
    // Either the assertion is signed or all of the answer is: the library asks for one, and reads only what is covered.
    wantAssertionsSigned: false, wantAuthnResponseSigned: false, acceptedClockSkewMs: SKEW, maxAssertionAgeMs: LIFE * 1000, requestIdExpirationPeriodMs: LIFE * 1000, validateInResponseTo: ValidateInResponseTo.always,
    ...(ctx.env.SAML_KEY && { privateKey: ctx.env.SAML_KEY, decryptionPvk: ctx.env.SAML_KEY, signatureAlgorithm: 'sha256' as const, digestAlgorithm: 'sha256' }),
    generateUniqueId: () => { const id = `_${ctx.uuid().replaceAll('-', '')}`; made?.(id); return id },
    cacheProvider: { saveAsync: async (_, value) => ({ value, createdAt: Date.now() }), getAsync: async (key) => (key === asked?.id ? when ?? null : null), removeAsync: async () => null },
  })
}

/** The provider's address with a request for it, and the request's id. */
export async function samlRequest(ctx: Ctx, client: SamlClient, place: Place): Promise<{ url: string; id: string }> {
  let id = ''
  const url = await (await library(ctx, client, place, undefined, (made) => { id ||= made })).getAuthorizeUrlAsync('', undefined, {})
  return { url, id }
}
/** The request itself, for clients that carry it by hand. */
export async function samlRequestXml(ctx: Ctx, client: SamlClient, place: Place): Promise<{ xml: string; id: string }> {
  let id = ''
  const saml = await library(ctx, client, place, undefined, (made) => { id ||= made }) as unknown as { generateAuthorizeRequestAsync: (passive: boolean, post: boolean) => Promise<string> }
  return { xml: (await saml.generateAuthorizeRequestAsync(false, true)).replace(/^<\?xml[^>]*\?>\s*/, ''), id }
}

export async function samlMetadata(ctx: Ctx, client: SamlClient, place: Place): Promise<string> {
  const text = (await library(ctx, client, place)).generateServiceProviderMetadata(ctx.env.SAML_CERTIFICATE ?? null, ctx.env.SAML_CERTIFICATE ?? null)
  // The library knows browsers alone.
  return text.replace('</SPSSODescriptor>', `  <AssertionConsumerService index="2" Binding="urn:oasis:names:tc:SAML:2.0:bindings:PAOS" Location="${place.ecp.replaceAll('&', '&amp;')}"/>\n  </SPSSODescriptor>`)
}

const refused = (why: string) => { console.warn(JSON.stringify({ level: 'warn', what: 'saml', why })); return unauthorized('The answer of the identity provider is not good.') }

/**
 * What a provider says of somebody, from the part of its answer that its signature covers. The library looks at the signature, the audience,
 * the times and the request; what it leaves to its caller is looked at here: who says so, to whom it was sent, and that it was not sent before.
 */
export async function samlAssertion(ctx: Ctx, client: SamlClient, place: Place, base64: string, asked: { id: string; at: number }): Promise<Assertion> {
  const text = Buffer.from(base64, 'base64').toString('utf8'), { acs } = place
  if (base64.length > 400_000 || /<!(DOCTYPE|ENTITY)/i.test(text)) throw refused('too long, or with a DTD')
  if (/xmldsig#(rsa|dsa|hmac)-sha1|xmldsig#sha1|hmac-/i.test(text)) throw refused('signed with SHA-1 or a shared key')
  const { profile } = await (await library(ctx, client, place, asked)).validatePostResponseAsync({ SAMLResponse: base64 }).catch((e) => { throw refused(e instanceof Error ? e.message : String(e)) })
  const said = (profile as Profile | null)?.getAssertion?.() as any, a = said?.Assertion
  if (!profile || !a) throw refused('no assertion')
  const confirmations = list(a.Subject?.[0]?.SubjectConfirmation).filter((c: any) => c.$?.Method === 'urn:oasis:names:tc:SAML:2.0:cm:bearer').map((c: any) => c.SubjectConfirmationData?.[0]?.$ ?? {})
  if (!confirmations.some((c: any) => c.Recipient === acs && c.InResponseTo === asked.id && Date.parse(c.NotOnOrAfter) + SKEW > ctx.now() / 1000)) throw refused('it is confirmed for another place or request, or for no time')
  if (profile.issuer !== client.idp_entity_id) throw refused('another provider says so')
  if (!list(a.Conditions?.[0]?.AudienceRestriction).length) throw refused('it names no audience')
  const destination = /^<(?:\w+:)?Response\b[^>]*\sDestination="([^"]*)"/.exec(text.replace(/^\s*<\?xml[^>]*\?>\s*/, ''))?.[1]
  if (destination !== undefined && destination !== acs) throw refused('the answer was meant for another place')
  const id = String(a.$?.ID ?? ''), expires = Math.max(...confirmations.map((c: any) => Date.parse(c.NotOnOrAfter) || 0))
  if (!id) throw refused('it has no id')
  // A second time the row is there already, and the batch is refused.
  ctx.stage(q.insert(idempotency).values({ key: `saml:${client.idp_entity_id}:${id}`.slice(0, 500), answer: true, expiresAt: Math.min(expires * 1000 + seconds(SKEW / 1000), ctx.now() + seconds(86_400)) }))
  return assertionOf(profile.nameID, a)
}

/** By the names mapping rules for web servers' modules have them: as the provider calls it, friendly, and as mod_auth_mellon does. */
function assertionOf(nameId: string | undefined, a: any): Assertion {
  const out: Assertion = {}
  const put = (name: string, values: string[]) => { for (const n of [name, `MELLON_${name}`]) out[n] = values }
  if (nameId) { put('NAME_ID', [nameId]); out.REMOTE_USER = [nameId] }
  for (const attribute of list(a.AttributeStatement).flatMap((s: any) => list(s.Attribute))) {
    const values = list((attribute as any).AttributeValue).map((v: any) => (typeof v === 'string' ? v : v?._)).filter((v): v is string => typeof v === 'string'), { Name: name, FriendlyName: friendly } = (attribute as any).$ ?? {}
    if (values.length) for (const n of new Set([name, friendly])) if (n) put(String(n), values)
  }
  return out
}
