import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createClient } from '@libsql/client/http'
import { serveLibsql } from '../../local/libsql/serve.ts'
import { migrate } from '../../local/migrate.ts'
import { serveS3 } from '../../local/s3/serve.ts'

export const keys = { accessKey: 'test', secretKey: 'test-secret' }

/**
 * The stores behind the functions, for tests: an object store, and as many databases as are asked for
 * (`POST /database` answers {url}), each a copy of one that was migrated once. In memory as far as speed goes: synchronous=off.
 */
export async function serveStores() {
  const dir = mkdtempSync(path.join(tmpdir(), 'virga-test-'))
  const template = path.join(dir, 'template.db')
  const first = await serveLibsql({ file: template, port: 0 })
  const client = createClient({ url: first.url })
  await migrate(client)
  await client.execute('pragma wal_checkpoint(truncate)')
  client.close()
  await first.close()
  const s3 = await serveS3({ dir: path.join(dir, 's3'), port: 0, ...keys })
  const open: { close(): Promise<void> }[] = [s3]
  let n = 0
  const control = createServer(async (req, res) => {
    try {
      const file = path.join(dir, `${n++}.db`)
      copyFileSync(template, file)
      const db = await serveLibsql({ file, port: 0, pragmas: { synchronous: 'off' } })
      open.push(db)
      res.end(JSON.stringify({ url: db.url }))
    } catch (e) { res.statusCode = 500; res.end(String(e)) }
  })
  await new Promise<void>((listening) => control.listen(0, '127.0.0.1', listening))
  return {
    control: `http://127.0.0.1:${(control.address() as AddressInfo).port}`, s3: s3.url,
    async close() {
      control.close()
      await Promise.all(open.map((o) => o.close()))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
