import { expect, it } from 'vitest'
import { user } from '../../schema/identity.ts'
import { unit } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { seedIdentity } from './seed.ts'
import { identityCloud, passwords } from './test-kit.ts'

it('seeding again changes nothing, and moves addresses and passwords when the options did', async () => {
  const c = await identityCloud()
  const again = (publicUrl: string, adminPassword: string) => unit(c.basis(), (ctx) => seedIdentity(ctx, { adminPassword, demoPassword: passwords.demo, publicUrl, region: 'RegionOne' }), async () => {})
  const [before] = await c.db().read([q.select().from(user)])
  const { ctx, out } = await again('http://cloud.test', passwords.admin)
  expect(out).toEqual(c.seeded)
  expect(ctx.basis.db.trips).toMatchObject({ reads: 1, writes: 0 })
  expect((await c.db().read([q.select().from(user)]))[0]).toEqual(before)
  await again('http://moved.test:9', 'another-secret')
  const r = await c.auth(c.by.password({ name: 'admin', domain: { id: 'default' } }, 'another-secret'), { project: { id: c.seeded.admin.project } })
  expect(new Set(r.body.token.catalog.flatMap((s: any) => s.endpoints.map((e: any) => new URL(e.url).host)))).toEqual(new Set(['moved.test:9']))
})
