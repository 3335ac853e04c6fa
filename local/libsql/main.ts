import { rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { afresh, tidyAfter } from '../../bridge/core/tidy.ts'
import { serveLibsql } from './serve.ts'

const { values } = parseArgs({ options: {
  file: { type: 'string' }, port: { type: 'string' }, host: { type: 'string', default: '127.0.0.1' }, pidfile: { type: 'string' },
} })
if (!values.file || !/^\d{1,5}$/.test(values.port ?? '')) {
  console.error('usage: main.ts --file FILE --port PORT [--host ADDRESS] [--pidfile FILE]   (a bearer token comes from VIRGA_DB_TOKEN)')
  process.exit(2)
}
await afresh()
// From the environment, since arguments are visible to every user of the machine.
const served = await serveLibsql({ file: values.file, host: values.host, port: Number(values.port), token: process.env.VIRGA_DB_TOKEN || undefined })
if (values.pidfile) writeFileSync(values.pidfile, `${process.pid}\n`)
tidyAfter(10_000)
console.log(`libsql ready ${served.url}`)

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  await served.close()
  if (values.pidfile) rmSync(values.pidfile, { force: true })
  process.exit(0)
}
process.on('SIGTERM', stop).on('SIGINT', stop)
