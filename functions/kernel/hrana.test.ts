import { expect, test } from 'vitest'
import { execute, Unreachable } from './hrana.ts'

const ask = (fetch: typeof globalThis.fetch) => execute({ url: 'http://database.invalid', fetch, patience: 50 }, [{ sql: 'select 1', params: [] }], 'deferred')

test('a database that hangs is one that cannot be reached: before it answers, and in the middle of its answer', async () => {
  const never = (_: unknown, init?: RequestInit) => new Promise<Response>((_, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason)))
  await expect(ask(never as typeof fetch)).rejects.toThrow(Unreachable)
  const half = async (_: unknown, init?: RequestInit) => new Response(new ReadableStream({
    start(c) { c.enqueue(new TextEncoder().encode('{"results":')); init!.signal!.addEventListener('abort', () => c.error(init!.signal!.reason)) },
  }))
  await expect(ask(half as typeof fetch)).rejects.toThrow(Unreachable)
})
