import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { workerConfig, workerdBinary } from './workerd.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'virga-workerd-'))
afterAll(() => rmSync(dir, { recursive: true }))

const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

test('any text comes through as a binding, and the worker reaches loopback and its Durable Object; the way outside leads to no address of this machine, whatever it is called; and garbage goes in a quiet time', async () => {
  const odd = 'quote " backslash \\ newline \n bell \x07 nul-free é € 😀 $(x) \\x41 )],'
  writeFileSync(path.join(dir, 'worker.js'), `
    let garbage
    export class Bell { async fetch() { return new Response('rang') } }
    export default { async fetch(request, env) {
      const { pathname, search } = new URL(request.url)
      if (pathname === '/self') return new Response('self')
      if (pathname === '/_tick') return new Response()
      if (pathname === '/garbage') return new Response(garbage ? garbage.deref() ? 'there' : 'collected' : (garbage = new WeakRef({}), 'made'))
      const rang = await (await env.BELL.get(env.BELL.idFromName('a')).fetch('http://x/')).text()
      const self = await (await fetch(new URL('/self', request.url))).text()
      const names = ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', new URL(request.url).searchParams.get('name')]
      const outside = await Promise.all(names.map((n) => env.OUTSIDE.fetch('http://' + n + ':' + new URL(request.url).port + '/self').then((r) => r.text(), () => 'refused')))
      return Response.json({ odd: env.ODD, rang, self, outside })
    } }`)
  const port = await freePort()
  const config = path.join(dir, 'config.capnp')
  writeFileSync(config, workerConfig({ listen: '127.0.0.1', port, module: 'worker.js', vars: { ODD: odd }, objects: { BELL: 'Bell' } }))
  const child = spawn(workerdBinary(), ['serve', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    let answer: unknown
    for (let i = 0; i < 200 && !answer; i++) {
      answer = await fetch(`http://127.0.0.1:${port}/?name=${hostname()}`).then((r) => r.json(), () => new Promise((wake) => setTimeout(wake, 50)))
    }
    expect(answer).toEqual({ odd, rang: 'rang', self: 'self', outside: Array(4).fill('refused') })
    const ask = async (what: string) => (await fetch(`http://127.0.0.1:${port}/${what}`)).text()
    expect(await ask('garbage')).toBe('made')
    await expect.poll(async () => { await ask('_tick'); return ask('garbage?') }, { message: 'a heartbeat in a quiet time collects what nobody holds' }).toBe('collected')
  } finally { child.kill('SIGKILL'); await once(child, 'exit') }
})
