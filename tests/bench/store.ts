import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream'
import { serveS3 } from '../../local/s3/serve.ts'

/** An object store for a cloud under measurement: the product's own, behind a door where it is counted what is fetched. */
export interface CountedStore {
  url: string
  /** What `npm start` is to find in its environment. */
  env: Record<string, string>
  /** How often an object was asked for whose key holds this, and the bytes that went out for it. */
  fetched(key: string): { times: number; bytes: number }
  close(): Promise<void>
}

export async function countedStore(): Promise<CountedStore> {
  const dir = mkdtempSync(path.join(tmpdir(), 'virga-store-')), seen: { url: string; bytes: number }[] = []
  const keys = { accessKey: 'bench', secretKey: randomBytes(16).toString('hex') }
  const store = await serveS3({ dir, port: 0, ...keys })
  const door = createServer({ requestTimeout: 0 }, (req, res) => {
    const passed = { url: req.url!, bytes: 0 }
    if (req.method === 'GET') seen.push(passed)
    const on = request({ host: '127.0.0.1', port: store.port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      answer.on('data', (d: Buffer) => { passed.bytes += d.length })
      res.writeHead(answer.statusCode!, answer.headers)
      pipeline(answer, res, () => {})
    })
    pipeline(req, on, (e) => { if (e) res.destroy() })
  })
  await new Promise<void>((up) => door.listen(0, '127.0.0.1', up))
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    env: { S3_ACCESS_KEY: keys.accessKey, S3_SECRET_KEY: keys.secretKey },
    fetched(key) {
      const of = seen.filter((one) => one.url.split('?')[0]!.includes(key))
      return { times: of.length, bytes: of.reduce((sum, one) => sum + one.bytes, 0) }
    },
    async close() {
      door.closeAllConnections()
      door.close()
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
