import { setTimeout as sleep } from 'node:timers/promises'
import { spent } from './figures.ts'
import { sum } from './processes.ts'
import type { Subject } from './subject.ts'

type Resources = Record<string, unknown>
const words = (n: number): Resources => Object.fromEntries(Array.from({ length: n }, (_, i) => [`r${i}`, { type: 'OS::Heat::RandomString', properties: { length: 16 } }]))
/** A web of values: each refers to two before it, so that nothing can be done all at once. */
const web = (n: number): Resources => Object.fromEntries(Array.from({ length: n }, (_, i) => [`r${i}`, { type: 'OS::Heat::Value', properties: { value: i < 10 ? i : [{ get_resource: `r${i - 10}` }, { get_resource: `r${i - 7}` }] } }]))
/** Rows of another service: what a verb costs comes on top of the engine. */
const networks = (n: number): Resources => Object.fromEntries(Array.from({ length: n }, (_, i) => [`r${i}`, { type: 'OS::Neutron::Net', properties: { name: `bench-${i}` } }]))

interface Cost { create: number; remove: number; createMs: number; removeMs: number }

/** One stack from the request that creates it until it is complete, and from the one that deletes it until it is gone. */
async function once(s: Subject, name: string, resources: Resources): Promise<Cost> {
  const at = `/orchestration/v1`
  const until = async (path: string, wanted: string) => {
    for (const end = Date.now() + 300_000; Date.now() < end; await sleep(40)) {
      const r = await s.ask('GET', path), status = r.status === 404 ? 'DELETE_COMPLETE' : JSON.parse(r.body).stack.stack_status as string
      if (status === wanted) return
      if (!status.endsWith('IN_PROGRESS')) throw new Error(`${name} is ${status}: ${JSON.parse(r.body).stack.stack_status_reason}`)
    }
    throw new Error(`${name} is not ${wanted} after five minutes`)
  }
  let since = performance.now(), path = '', createMs = 0, removeMs = 0
  const made = await spent(s.processes, async () => {
    const { stack } = await s.call('POST', `${at}/stacks`, { stack_name: name, template: { heat_template_version: '2018-08-31', resources }, disable_rollback: true })
    path = `${at}/stacks/${name}/${stack.id}`
    await until(path, 'CREATE_COMPLETE')
    createMs = performance.now() - since
  })
  since = performance.now()
  const gone = await spent(s.processes, async () => { await s.call('DELETE', path); await until(path, 'DELETE_COMPLETE'); removeMs = performance.now() - since })
  return { create: sum(made.cpu), remove: sum(gone.cpu), createMs, removeMs }
}

/** What the engine takes of a stack, beside real Heat: 9,540 CPU ms and 20 s for one of twenty random strings, made and deleted. */
export async function orchestration(s: Subject) {
  const { figures } = s, name = (what: string) => `bench-${what}-${process.pid}-${Math.floor(performance.now())}`
  figures.title('Stacks: created until complete, deleted until gone')
  await once(s, name('warm'), words(5))
  const twenty: Cost[] = []
  for (let i = 0; i < 3; i++) twenty.push(await once(s, name('words'), words(20)))
  const mid = (of: (c: Cost) => number) => twenty.map(of).sort((a, b) => a - b)[1]
  figures.put('20 random strings, created and deleted', mid((c) => c.create + c.remove), 'CPU ms', { bar: { most: 95 } })
  figures.put('20 random strings, created', mid((c) => c.createMs), 'ms', { bar: { most: 500 } })
  const per = new Map<number, number>()
  for (const n of [20, 100, s.scale < 1 ? 200 : 500]) {
    const c = await once(s, name('web'), web(n))
    per.set(n, (c.create + c.remove) / n)
    figures.put(`${n} values that refer to each other`, (c.create + c.remove) / n, 'CPU ms', { note: `per resource; create ${(c.createMs / 1000).toFixed(2)} s, delete ${(c.removeMs / 1000).toFixed(2)} s` })
  }
  const sizes = [...per.keys()]
  figures.put(`a resource among ${sizes[2]} beside one among ${sizes[1]}`, per.get(sizes[2])! / per.get(sizes[1])!, 'times', { bar: { most: 1.5 }, note: 'linear is 1' })
  const many = s.scale < 1 ? 100 : 500, c = await once(s, name('nets'), networks(many))
  figures.put(`${many} networks, created and deleted`, (c.create + c.remove) / many, 'CPU ms', { note: `per network; create ${(c.createMs / 1000).toFixed(2)} s, delete ${(c.removeMs / 1000).toFixed(2)} s` })
  figures.put(`${many} networks, created`, c.createMs / 1000, 's', { bar: { most: 30 * many / 500 } })
}
