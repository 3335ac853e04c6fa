import { sql, type SQL } from 'drizzle-orm'
import type { applicationCredential, credential } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { forbidden, invalid, notFound, unauthorized } from '../../kernel/fault.ts'
import { proves } from '../ldap/client.ts'
import { directoryOf, type ConfigRow } from '../ldap/settings.ts'
import { certificateOf } from '../oauth2/certificate.ts'
import { oauthProof } from '../oauth1/proof.ts'
import { checkPassword, checkSecret } from '../passwords.ts'
import { sourceOf } from '../guesses.ts'
import { verifyToken } from './authenticate.ts'
import type { TokenClaims } from './claims.ts'
import { readReceipt } from './factors.ts'
import type { User } from './issue.ts'
import { domainOf, refused, userId, type Auth } from './request.ts'
import { checkPasscode } from './totp.ts'

export interface Read { config: ConfigRow[]; hashes: string[]; app?: typeof applicationCredential.$inferSelect; seeds: (typeof credential.$inferSelect)[] }
/** How somebody says who they are: where to find them, what else to read, and what must hold. */
export interface Proof {
  methods: string[]
  who: SQL
  /** Others who have to be the same. */
  also?: SQL[]
  app?: SQL
  /** The only project it is good for. */
  place?: SQL
  token?: TokenClaims
  /** A user this very request makes, so that no row is there yet. */
  fresh?: User
  /** No more than these roles, whatever the user has. */
  only?: string[]
  /** What the token is to say of how it came about. */
  mark?: Partial<TokenClaims>
  /** One-time codes are read along. */
  seeds?: boolean
  /** The domain whose configuration says how a password is proved, also where there is no such user. */
  at?: SQL
  /** Known for as long as the request lasts: a hash of another kind is replaced by ours. */
  password?: string
  /** The same of an application credential's. */
  secret?: string
  /** It could have been guessed: wrong ones are counted, and where they came from. */
  guessed?: { source: string | undefined }
  /** The user's own rules of what a login takes hold for it. */
  factors?: boolean
  check: (u: User | undefined, read: Read) => Promise<boolean>
}

/** As clients expect it here: 404, and the same for what never was, is over, or was ended. */
export const unknownToken = () => notFound('token', '', 'Could not find token: it is unknown, expired or revoked.')
const given = (what: string) => invalid(`Expecting to find ${what} in identity. The server could not comply with the request since it is either malformed or otherwise incorrect.`)

async function one(ctx: Ctx, method: string, auth: Auth, request: Request): Promise<Proof> {
  const { password, token, totp, application_credential: app } = auth.identity, guessed = { source: sourceOf(ctx, request) }
  switch (method) {
    case 'password':
      if (!password) throw given(method)
      return { methods: [method], who: userId(password.user), guessed, password: password.user.password, at: domainOf(password.user), check: (u, { config, hashes }) => checkUser(ctx, u, password.user.password, config, hashes) }
    case 'totp':
      if (!totp) throw given(method)
      return { methods: [method], who: userId(totp.user), seeds: true, guessed, check: (u, { seeds }) => checkPasscode(ctx, totp.user.passcode, u ? seeds.filter((s) => s.user === u.user.id) : []) }
    case 'token': {
      if (!token) throw given(method)
      const c = await verifyToken(ctx.env, ctx.world, ctx.basis.db, token.id).catch(() => { throw unknownToken() })
      if (c.applicationCredential || c.trust || c.oauth) throw forbidden('A token of an application credential, a trust or an OAuth1 access token cannot be exchanged for another.')
      if (c.certificate && certificateOf(ctx.env, request)?.thumbprint !== c.certificate) throw unknownToken()
      return { mark: { federation: c.federation, certificate: c.certificate }, methods: [...new Set([...c.methods, method])], who: sql`${c.user.id}`, token: c, check: async (u) => u !== undefined }
    }
    case 'application_credential': {
      if (!app) throw given(method)
      if (auth.scope !== undefined) throw unauthorized('Application credentials cannot request a scope.')
      if (app.id === undefined && (app.name === undefined || !app.user)) throw invalid('Expecting to find id, or name and user, in application_credential. The server could not comply with the request since it is either malformed or otherwise incorrect.')
      return { ...appProof(app.id !== undefined ? sql`${app.id}` : sql`(select id from application_credential where name = ${app.name} and user_id = ${userId(app.user!)})`, app.secret), guessed }
    }
    case 'oauth1': return oauthProof(ctx, request)
    default: throw unauthorized('Attempted to authenticate with an unsupported method.')
  }
}

/**
 * The directory of the domain knows, where there is one; else the hash. In a domain with a directory a wrong password costs a talk with it
 * and the hashes besides, whether the user is of the directory, of this cloud, or not at all.
 */
async function checkUser(ctx: Ctx, u: User | undefined, password: string, config: ConfigRow[], hashes: string[]): Promise<boolean> {
  const directory = await directoryOf(ctx.env, config), there = u?.user.directory ?? undefined
  if (!directory) return checkPassword(password, u?.user.password, hashes)
  if (there !== undefined && await proves(directory, there, password)) return true
  const good = await checkPassword(password, there === undefined ? u?.user.password : null, hashes)
  if (!good && there === undefined) await proves(directory, undefined, password)
  return good
}

/** An application credential is for one project, which stands in it. */
export const appProof = (id: SQL, secret: string): Proof => ({
  methods: ['application_credential'], app: id, secret, place: sql`(select project_id from application_credential where id = ${id})`, who: sql`(select user_id from application_credential where id = ${id})`, check: (_, { app, hashes }) => checkSecret(secret, app?.secret, hashes),
})

/** All that a request shows, and what it showed before by its receipt, of one and the same user. */
export async function proofOf(ctx: Ctx, auth: Auth, request: Request): Promise<Proof> {
  const methods = [...new Set(auth.identity.methods)], alone = methods.find((m) => m === 'application_credential' || m === 'oauth1')
  if (alone && methods.length > 1) throw invalid(`The method ${alone} stands alone; got ${methods.join(', ')}.`)
  const parts: Proof[] = []
  for (const m of methods) parts.push(await one(ctx, m, auth, request))
  const text = request.headers.get('openstack-auth-receipt'), before = text ? await readReceipt(ctx, text) : undefined
  if (text && !before) throw refused()
  if (before) parts.push({ methods: before.methods, who: sql`${before.user}`, check: async (u) => u?.user.id === before.user })
  const [first, ...others] = parts
  return {
    ...first, methods: [...new Set(parts.flatMap((p) => p.methods))], also: others.map((o) => o.who), factors: true, seeds: parts.some((p) => p.seeds),
    guessed: parts.find((p) => p.guessed)?.guessed, at: parts.find((p) => p.at)?.at, secret: parts.find((p) => p.secret !== undefined)?.secret, password: parts.find((p) => p.password !== undefined)?.password, token: parts.find((p) => p.token)?.token, mark: Object.assign({}, ...parts.map((p) => p.mark)),
    // All of them, whatever the first says: how long it takes tells nothing.
    async check(u, read) { return (await Promise.all(parts.map((p) => p.check(u, read)))).every(Boolean) },
  }
}
