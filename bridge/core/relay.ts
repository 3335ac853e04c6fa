import { call } from './http.ts'

/** What a guest says to the cloud by way of its metadata address, and what the cloud answers. */
export interface Said { method: string; path: string; type?: string; body: string }
export interface Heard { status: number; type: string; body: string | Uint8Array }
export type Relay = (said: Said) => Promise<Heard>

/** Only addresses that were signed for one resource of one stack: whoever holds one may use it from anywhere. */
const signed = /^\/(?:orchestration\/v1\/[0-9a-f-]{32,36}\/signals\/[0-9a-f-]{36}\/[0-9a-f-]{36}|cloudformation\/v1\/(?:waitcondition|signal)\/arn%3Aaws%3Acloudformation%3A(?:[\w.-]|%3A|%2F){1,500})\?[\x21-\x7e]{1,1000}$/
export const relayed = (method: string | undefined, path: string | undefined): boolean => ['GET', 'PUT', 'POST'].includes(method ?? '') && signed.test(path ?? '')

/** Guests on isolated networks cannot reach the control plane; their host can. Nothing of the guest's is passed on but what it says. */
export const relay = (cloud: string): Relay => async ({ method, path, type, body }) => {
  const answer = await call({ method, url: new URL(cloud.replace(/\/+$/, '') + path), headers: { 'content-type': type ?? 'application/json' }, body, timeoutMs: 20_000 })
  return { status: answer.status, type: answer.headers['content-type'] ?? 'text/plain', body: answer.body }
}
