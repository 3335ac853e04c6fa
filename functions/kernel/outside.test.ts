import { expect, it } from 'vitest'
import { readOutside } from './outside.ts'

type Answers = Record<string, (init?: RequestInit) => Response>
const asked: [via: string, url: string, init?: RequestInit][] = []
const way = (via: string, answers: Answers) => (async (url: string, init?: RequestInit) => { asked.push([via, url, init]); const a = answers[url]; if (!a) throw new TypeError('connection refused'); return a(init) }) as typeof fetch
const to = (location: string) => () => new Response(null, { status: 302, headers: { location } })
const open = { 'https://s3.example/b/t.json?X-Amz-Signature=abc': () => new Response('{}'), 'https://s3.example/hop': to('/b/t.json?X-Amz-Signature=abc'), 'https://s3.example/in': to('https://169.254.169.254/latest'), 'https://s3.example/down': to('http://s3.example/b'), 'https://s3.example/name': to('https://inner.example/x'), 'https://s3.example/round': to('/round'), 'https://s3.example/gone': () => new Response('no', { status: 403 }),
  'https://s3.example/big': () => new Response('x'.repeat(101)), 'https://s3.example/endless': () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(64)) } })) }
const o = { env: { OUTSIDE: { fetch: way('outside', open) }, TEMPLATE_URLS: 'http://10.0.0.5:9000/templates, nonsense' }, world: { fetch: way('plain', { 'http://10.0.0.5:9000/templates/a.yaml': () => new Response('a'), 'http://10.0.0.5:9000/templates/out': to('http://10.0.0.5:9000/secret') }) } }
const read = (url: string) => readOutside(o, url, 'TemplateURL', 100)

it('public addresses are read by the public way alone, with their query and with nothing of the caller', async () => {
  expect(await read('https://s3.example/b/t.json?X-Amz-Signature=abc')).toBe('{}')
  expect(await read('https://s3.example/hop')).toBe('{}')
  expect(asked.every(([via, , init]) => via === 'outside' && Object.keys(init!.headers!).every((h) => ['accept', 'user-agent'].includes(h)) && init!.redirect === 'manual')).toBe(true)
})
it('what the operator vouches for is read as well, and nothing beside it', async () => {
  expect(await read('http://10.0.0.5:9000/templates/a.yaml')).toBe('a')
  await expect(read('http://10.0.0.5:9000/templates/out')).rejects.toThrow(/may not be fetched from 10.0.0.5:9000/)
  for (const url of ['http://10.0.0.5:9000/templatesX/a', 'http://10.0.0.5:9001/templates/a', 'http://10.0.0.5:9000/templates/../secret']) await expect(read(url)).rejects.toThrow(/may not be fetched/)
  await expect(readOutside({ ...o, env: {} }, 'https://s3.example/hop', 'TemplateURL', 100)).rejects.toThrow(/allows only some addresses \(TEMPLATE_URLS\)/)
})
it.each(['http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://[::1]/', 'http://[::ffff:127.0.0.1]/', 'http://[::]/', 'http://0.0.0.0/', 'http://169.254.169.254/latest', 'http://[fe80::1]/', 'http://[fd00::1]/', 'http://10.1.2.3/', 'http://192.168.0.1/', 'http://100.64.0.1/', 'http://localhost/', 'http://x.localhost/', 'https://s3.example/in'])('%s is not asked', async (url) => {
  const before = asked.length
  await expect(read(url)).rejects.toThrow(/may not be fetched/)
  expect(asked.slice(before).map(([, u]) => u)).toEqual(url.includes('s3.example') ? [url] : [])
})
it.each([['ftp://a/b', /http or https/], ['https://me:word@s3.example/hop', /without a user/], ['https://s3.example/a%2f..%2fb', /encoded dots/], ['nothing', /is not an address/], ['https://s3.example/down', /from https to http/], ['https://s3.example/round', /from one address to the next/], ['https://s3.example/gone', /answered 403/], ['https://s3.example/big', /may not exceed 100 bytes/], ['https://s3.example/endless', /may not exceed 100 bytes/], ['https://s3.example/name', /cannot be reached/], ['https://closed.example/', /cannot be reached, or is not a public address/]])('%s is refused with words', async (url, says) => {
  await expect(read(url)).rejects.toThrow(says)
})
