import { beforeAll, expect, it, vi } from 'vitest'
import { event } from '../../../schema/kernel.ts'
import { eq } from 'drizzle-orm'
import { q } from '../../kernel/db.ts'
import { identityCloud, passwords, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud
beforeAll(async () => { c = await identityCloud() })
const demo = { name: 'demo', domain: { name: 'Default' } }, inDemo = { project: { name: 'demo', domain: { id: 'default' } } }
/** The lines of the log about logins while something happens. */
async function told<T>(work: () => Promise<T>): Promise<{ out: T; lines: any[]; text: string }> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    const out = await work()
    await new Promise((r) => setTimeout(r, 10))
    const text = log.mock.calls.map(([line]) => String(line)).join('\n')
    return { out, lines: text.split('\n').filter((l) => l.includes('"authenticate"')).map((l) => JSON.parse(l)), text }
  } finally { log.mockRestore() }
}
const events = async () => (await c.db().read([q.select().from(event).where(eq(event.action, 'identity.authenticate')).orderBy(event.seq)]))[0]

it('a login is a line of the log, with who, how, where to and the token by its audit id; nothing is written', async () => {
  const { out, lines, text } = await told(() => c.auth(c.by.password(demo, passwords.demo), inDemo)), t = out.body.token
  expect(lines).toEqual([{ level: 'info', what: 'authenticate', outcome: 'success', methods: ['password'], user: t.user.id, audit: t.audit_ids[0], project: t.project.id, requestId: out.headers.get('x-openstack-request-id') }])
  expect([out.trips, text.includes(passwords.demo), text.includes(out.headers.get('x-subject-token')!)]).toEqual([expect.stringMatching(/^1r 0w/), false, false])
  expect(await events()).toEqual([])
})
it('a failed one says why, to the log alone, and never what was typed', async () => {
  const who = await c.person('told-of')
  await c.v3('PATCH', `/users/${who.id}`, await c.admin(), { user: { enabled: false } })
  const cases: [object, string, unknown][] = [
    [c.by.password(demo, 'a-wrong-secret'), 'what was shown is wrong', expect.any(String)], [c.by.password({ name: 'my-password-typed-here', domain: { id: 'default' } }, 'x'), 'there is no such user', undefined],
    [c.by.password({ id: who.id }, who.password), 'disabled', who.id], [c.by.app('no-such', 'x'), 'there is no such user', undefined], [c.by.token('a.b.c'), 'Could not find token: it is unknown, expired or revoked.', undefined],
  ]
  for (const [identity, why, user] of cases) {
    const { out, lines, text } = await told(() => c.auth(identity))
    expect([out.status >= 400, lines.length]).toEqual([true, 1])
    expect([lines[0].outcome, lines[0].why, lines[0].user]).toEqual(['failure', why, user])
    for (const secret of ['a-wrong-secret', 'my-password-typed-here', who.password]) expect(text).not.toContain(secret)
    if (why !== cases[4][1]) expect(out.text).not.toContain(why)
  }
})
it('other ways to a token are told of too', async () => {
  const p = await c.person('with-key'), app = (await c.v3('POST', `/users/${p.id}/application_credentials`, await p.token(), { application_credential: { name: 'k' } })).body.application_credential
  const { lines } = await told(() => c.call('POST', '/identity/v3/OS-OAUTH2/token', { raw: 'grant_type=client_credentials', headers: { authorization: `Basic ${btoa(`${app.id}:${app.secret}`)}`, 'content-type': 'application/x-www-form-urlencoded' } }))
  expect(lines).toMatchObject([{ outcome: 'success', methods: ['application_credential'], user: p.id }])
})
it('events too, where the operator wants them: one for each, good or bad', async () => {
  c.env.SECURITY = '{"login_events": true}'
  try {
    const good = await c.auth(c.by.password(demo, passwords.demo), inDemo)
    await c.auth(c.by.password(demo, 'wrong'), inDemo)
    await c.auth(c.by.password({ name: 'nobody', domain: { id: 'default' } }, 'wrong'), inDemo)
    expect(good.trips).toMatch(/^1r 1w/)
    expect((await events()).map((e) => [e.resource, (e.detail as any).outcome])).toEqual([[good.body.token.user.id, 'success'], [good.body.token.user.id, 'failure'], [null, 'failure']])
  } finally { c.env.SECURITY = undefined }
})
