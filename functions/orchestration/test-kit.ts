import { image } from '../../schema/image.ts'
import { cloud, type Ask } from '../../tests/harness/cloud.ts'
import { q } from '../kernel/db.ts'

/** A cloud with a host, an image `tiny` and the stacks API at hand, for tests of resource types and of the engine. */
export async function stacks() {
  const c = await cloud(), host = await c.host(), demo = await c.demo(), admin = await c.admin()
  const me = (await c.call('GET', '/identity/v3/auth/tokens', { token: demo, headers: { 'x-subject-token': demo } })).body.token
  const project = me.project.id as string, IMAGE = crypto.randomUUID()
  await c.db().write([q.insert(image).values({ id: IMAGE, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 })])
  const api = (method: string, path: string, body?: unknown, ask: Ask = {}) => c.call(method, `/orchestration/v1/${project}${path}`, { token: demo, body, ...ask })
  /** Lets hosts and graphs work until nothing moves any more. */
  const rest = async () => { for (let i = 0; i < 200; i++) { await c.settle(); if (!await host.work()) { await c.settle(); if (!await host.work()) return } } }
  const show = async (id: string, name = id) => (await api('GET', `/stacks/${name}/${id}`)).body.stack
  /** Creates a stack and waits for its rest; answers what is shown then. */
  const create = async (template: unknown, more: Record<string, unknown> = {}) => {
    const r = await api('POST', '/stacks', { stack_name: `s-${crypto.randomUUID().slice(0, 8)}`, template, ...more })
    if (r.status !== 201) throw new Error(`create: ${r.status} ${r.text}`)
    await rest()
    return show(r.body.stack.id)
  }
  const update = async (s: { id: string; stack_name: string }, template: unknown, more: Record<string, unknown> = {}) => {
    const r = await api('PUT', `/stacks/${s.stack_name}/${s.id}`, { template, ...more })
    if (r.status !== 202) throw new Error(`update: ${r.status} ${r.text}`)
    await rest()
    return show(s.id)
  }
  const remove = async (s: { id: string; stack_name: string }) => {
    const r = await api('DELETE', `/stacks/${s.stack_name}/${s.id}`)
    if (r.status !== 204) throw new Error(`delete: ${r.status} ${r.text}`)
    await rest()
    return show(s.id)
  }
  const resources = async (s: { id: string; stack_name: string }) => Object.fromEntries(((await api('GET', `/stacks/${s.stack_name}/${s.id}/resources`)).body.resources as any[]).map((x) => [x.resource_name, x]))
  return { c, host, demo, admin, project, user: me.user.id as string, IMAGE, api, rest, show, create, update, remove, resources }
}
export const hot = (resources: Record<string, unknown>, more: Record<string, unknown> = {}) => ({ heat_template_version: '2021-04-16', resources, ...more })
