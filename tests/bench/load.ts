import { Agent, request } from 'node:http'

/** node:http with kept connections: the harness shares the machine with what it measures, so it must be cheap itself. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, scheduling: 'lifo' })
export interface Answer { status: number; body: string; headers: Record<string, string | string[] | undefined> }

export function http(method: string, url: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ask = request(url, { method, agent, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) }, timeout: 120_000 }, (r) => {
      const parts: Buffer[] = []
      r.on('data', (d: Buffer) => parts.push(d)).on('end', () => resolve({ status: r.statusCode!, headers: r.headers, body: Buffer.concat(parts).toString() })).on('error', reject)
    })
    ask.on('error', reject).on('timeout', () => ask.destroy(new Error(`${method} ${url}: no answer within 120 s`)))
    ask.end(body)
  })
}

export interface Run<T> { seconds: number; ms: number[]; done: T[]; failed: string[] }

/** `n` calls at most, `at` at a time, within `seconds`: a closed loop, bounded in count and time. */
export async function loop<T>(of: { n: number; at: number; seconds?: number }, work: (i: number) => Promise<T>): Promise<Run<T>> {
  const out: Run<T> = { seconds: 0, ms: [], done: [], failed: [] }
  const since = performance.now(), end = since + (of.seconds ?? 600) * 1000
  let next = 0
  await Promise.all(Array.from({ length: Math.min(of.at, of.n) }, async () => {
    for (let i = next++; i < of.n && performance.now() < end; i = next++) {
      const began = performance.now()
      try { out.done.push(await work(i)) } catch (e) { out.failed.push((e as Error).message) }
      out.ms.push(performance.now() - began)
    }
  }))
  out.seconds = (performance.now() - since) / 1000
  return out
}

export function percentile(values: number[], p: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p / 100 * sorted.length))]
}
