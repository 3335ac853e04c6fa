import { describe, expect, it } from 'vitest'
import { table } from '../table-kit.ts'

const t = await table(), web = (more: Record<string, unknown> = {}) => ({ type: 'OS::Glance::WebImage', properties: { location: 'http://example.test/image', disk_format: 'qcow2', container_format: 'bare', ...more } })
const hot = (it: unknown) => ({ heat_template_version: '2021-04-16', resources: { it } })

describe('OS::Glance::WebImage', () => {
  it('fails with what the image service says of fetching images, and leaves nothing', async () => {
    const s = await t.make(hot(web({ name: 'from-afar' })))
    expect(t.why(s)).toMatch(/^CREATE_FAILED: Resource CREATE failed: .*web-download/)
    expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
    expect((await t.c.call('GET', '/image/v2/images?name=from-afar', { token: t.k.admin })).body.images).toEqual([])
  })
  it('is changed where it stands once it is there', async () => {
    const made = (await t.c.call('POST', '/image/v2/images', { token: t.k.admin, body: { name: 'there', disk_format: 'qcow2', container_format: 'bare', visibility: 'private' } })).body
    const of = (more: Record<string, unknown>) => hot({ ...web({ name: 'there', ...more }), external_id: made.id })
    let s = await t.make(of({}))
    expect(t.why(s)).toMatch(/^CREATE_COMPLETE/)
    const look = async () => (await t.c.call('GET', `/image/v2/images/${made.id}`, { token: t.k.admin })).body
    const steps: [Record<string, unknown>, Record<string, unknown>][] = [
      [{ os_distro: 'tiny', os_version: '1', architecture: 'x86_64' }, { os_distro: 'tiny', os_version: '1', architecture: 'x86_64' }], [{ extra_properties: { hw_disk_bus: 'virtio' } }, { hw_disk_bus: 'virtio' }], [{ protected: true }, { protected: true }], [{ protected: false, tags: ['a', 'b'] }, { protected: false, tags: ['a', 'b'] }],
      [{ kernel_id: crypto.randomUUID(), ramdisk_id: crypto.randomUUID() }, { kernel_id: expect.any(String) }], [{ visibility: 'shared', members: [t.k.project] }, { visibility: 'shared' }],
    ]
    for (const [more, shown] of steps) {
      s = await t.change(s, of(more))
      expect([JSON.stringify(more), t.why(s)]).toEqual([JSON.stringify(more), 'UPDATE_COMPLETE: Stack UPDATE completed successfully'])
      expect(await look()).toMatchObject(shown)
    }
    expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
    expect((await look()).id).toBe(made.id)
  })
  it('refuses formats that do not go together before anything is made', async () => {
    const r = await t.api('POST', '/stacks', { stack_name: 'mix', template: hot(web({ disk_format: 'ami' })) })
    expect([r.status, r.body.error.message]).toEqual([400, expect.stringContaining('Invalid mix of disk and container formats')])
  })
})
