import { spawn } from 'node:child_process'
import { connect, createServer, isIP, type Server } from 'node:net'
import path from 'node:path'
import { pipeline } from 'node:stream'
import { node, root } from '../layout.ts'

/** One thing hosts must reach: what they call it, and where it is for this machine. */
export interface Target { host: string; port: number; /** Where a host of this machine finds it: on its own loopback device. */ at: string }

/** URLs as targets. A name gets a loopback address of its own; an address is taken on by the host itself, so that URLs hold. */
export function targets(urls: string[]): Target[] {
  const out = new Map<string, Target>()
  for (const url of urls) {
    const { hostname, port, protocol } = new URL(url)
    const host = hostname.replace(/^\[|\]$/g, '')
    const known = [...out.values()].find((t) => t.host === host)
    const at = known?.at ?? (isIP(host) ? host : `127.0.1.${out.size + 1}`)
    const number = Number(port) || (protocol === 'https:' ? 443 : 80)
    out.set(`${host} ${number}`, { host, port: number, at })
  }
  return [...out.values()]
}

/**
 * Listens inside a host's network and answers with connections made from this machine's: hosts reach the control plane
 * with no address, route or port of it being anywhere that a guest could see.
 */
export async function forward(pid: number, of: Target): Promise<Server> {
  const handle = await listener(pid, of)
  const server = createServer({ allowHalfOpen: true }, (inside) => {
    const outside = connect({ host: of.host, port: of.port, allowHalfOpen: true })
    pipeline(inside, outside, () => {})
    pipeline(outside, inside, () => {})
  })
  await new Promise<void>((listening, fail) => { server.once('error', fail).listen(handle, listening) })
  return server
}

function listener(pid: number, { at, port }: Target): Promise<Server> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', ['--target', String(pid), '--net', node, '--no-warnings', path.join(root, 'bridge', 'network', 'listen.ts'), at, String(port)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    child.once('error', reject)
    child.once('message', (message, handle) => handle ? resolve(handle as Server) : reject(new Error(`${at}:${port}: ${(message as { error: string }).error}`)))
    child.once('close', (code) => reject(new Error(`${at}:${port}: the listener ended with ${code}`)))
  })
}
