import { expect, it } from 'vitest'
import { identityCloud } from './test-kit.ts'

it('secrets are rotated without refusing a token or losing a credential', async () => {
  const c = await identityCloud(), p = await c.person('rotated'), before = await p.token()
  const { id } = (await c.v3('POST', '/credentials', before, { credential: { type: 'note', blob: 'kept' } })).body.credential
  const old = c.env.MASTER_SECRET
  c.env.MASTER_SECRET = `fresh-secret,${old}`
  expect(await c.alive(before)).toBe(true)
  const after = await p.token()
  expect((await c.v3('GET', `/credentials/${id}`, after)).body.credential.blob).toBe('kept')
  // An instance that has not yet heard of the new secret as the first, but has it, takes it too.
  c.env.MASTER_SECRET = `${old},fresh-secret`
  expect([await c.alive(before), await c.alive(after)]).toEqual([true, true])
  c.env.MASTER_SECRET = 'fresh-secret'
  expect([await c.alive(before), await c.alive(after)]).toEqual([false, true])
})
