import { spawn } from 'node:child_process'
import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import { fileURLToPath } from 'node:url'

/** A listening socket of a namespace, for this process to answer on. */
export function listenIn(ns: string, host: string, port: number, kind?: 'tcp'): Promise<Server>
export function listenIn(ns: string, host: string, port: number, kind: 'udp'): Promise<Socket>
export function listenIn(ns: string, host: string, port: number, kind: 'tcp' | 'udp' = 'tcp'): Promise<Server | Socket> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=/run/netns/${ns}`, process.execPath, '--no-warnings', fileURLToPath(new URL('listen.ts', import.meta.url)), host, String(port), kind],
      { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let said = ''
    child.stderr!.on('data', (chunk: Buffer) => { said += chunk })
    child.once('error', reject)
    child.once('message', (message, handle) => handle ? resolve(handle as Server | Socket) : reject(new Error(`${host} in ${ns}: ${(message as { error: string }).error}`)))
    // Not 'exit', which may come before the socket does: then nobody would have it, and nobody close it.
    child.once('close', (code) => reject(new Error(`${host} in ${ns}: listener ended with ${code} ${said.trim()}`)))
  })
}
