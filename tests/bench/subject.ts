import path from 'node:path'
import { Running } from '../harness/running.ts'
import { http, loop, type Answer, type Run } from './load.ts'
import { spent, type Figures } from './figures.ts'
import { Processes, type ByPart } from './processes.ts'

/** A cloud under measurement: how to ask it, and what that costs it. */
export class Subject {
  readonly cloud: Running
  readonly processes: Processes
  readonly figures: Figures
  /** 1 as promised; less for a quick look. */
  readonly scale: number
  token = ''

  constructor(cloud: Running, figures: Figures, scale: number) {
    this.cloud = cloud
    this.figures = figures
    this.scale = scale
    this.processes = new Processes(path.join(cloud.data, 'run'))
  }

  static async start(args: string[], figures: Figures, scale: number, env: NodeJS.ProcessEnv = {}): Promise<Subject> {
    const subject = new Subject(await Running.make(args, env), figures, scale)
    await subject.cloud.start()
    subject.token = await subject.cloud.token('admin')
    return subject
  }

  scaled(n: number, least = 20) { return Math.max(least, Math.round(n * this.scale)) }

  ask(method: string, at: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return http(method, this.cloud.url + at, { 'x-auth-token': this.token, 'openstack-api-version': 'compute 2.90', ...headers }, body === undefined ? undefined : JSON.stringify(body))
  }
  /** A request that is expected to be taken. */
  async call<T = any>(method: string, at: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const r = await this.ask(method, at, body, headers)
    if (r.status >= 300) throw new Error(`${method} ${at.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}/g, '{id}')}: ${r.status} ${r.body.slice(0, 200)}`)
    return (r.body ? JSON.parse(r.body) : undefined) as T
  }

  /** A loop of calls with what it cost: latency, rate and CPU under one name. Answers what the calls gave. */
  async measure<T>(name: string, of: { n: number; at: number; seconds?: number; p50?: number; p99?: number; cpu?: number; rate?: number; warm?: number }, work: (i: number) => Promise<T>): Promise<T[]> {
    const { figures } = this
    try {
      if (of.warm !== 0) for (let i = 0; i < (of.warm ?? 3); i++) await work(-1 - i)
      const { out, cpu } = await spent(this.processes, () => loop(of, work))
      this.told(name, out, cpu, of)
      return out.done
    } catch (e) {
      figures.fail(name, (e as Error).message)
      return []
    }
  }

  told(name: string, run: Run<unknown>, cpu: ByPart, of: { at: number; p50?: number; p99?: number; cpu?: number; rate?: number }) {
    const { figures } = this
    figures.failed(name, run)
    if (!run.done.length) return
    figures.latency(name, run.ms, of)
    figures.put(`${name} rate`, run.done.length / run.seconds, '/s', { ...(of.rate !== undefined && { bar: { least: of.rate } }), note: `${of.at} at a time` })
    figures.cpu(name, cpu, run.done.length, of.cpu)
  }
}
