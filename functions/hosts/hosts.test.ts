import { describe, expect, it } from 'vitest'
import { cloud } from '../../tests/harness/cloud.ts'
import { TestHost } from '../../tests/harness/host.ts'
import { callerOf } from '../identity/tokens/authenticate.ts'

describe('the worker', () => {
  it('lists its services and knows no other', async () => {
    const c = await cloud({ seed: false })
    expect((await c.call('GET', '/')).body.services.hosts).toBe('http://cloud.test/hosts')
    expect((await c.call('GET', '/nowhere')).status).toBe(404)
    expect((await c.call('POST', '/_tick')).status).toBe(404)
    expect((await c.tick()).status).toBe(204)
    void TestHost, callerOf
  })
})
