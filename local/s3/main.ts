import { rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { afresh, tidyAfter } from '../../bridge/core/tidy.ts'
import { serveS3 } from './serve.ts'

const { values } = parseArgs({ options: {
  dir: { type: 'string' }, port: { type: 'string' }, host: { type: 'string', default: '127.0.0.1' }, region: { type: 'string' }, pidfile: { type: 'string' },
} })
await afresh()
// From the environment, since arguments are visible to every user of the machine.
const { VIRGA_S3_ACCESS_KEY: accessKey, VIRGA_S3_SECRET_KEY: secretKey } = process.env
if (!values.dir || !/^\d{1,5}$/.test(values.port ?? '') || !accessKey || !secretKey) {
  console.error('usage: main.ts --dir DIR --port PORT [--host ADDRESS] [--region NAME] [--pidfile FILE]   with VIRGA_S3_ACCESS_KEY and VIRGA_S3_SECRET_KEY set')
  process.exit(2)
}
const served = await serveS3({ dir: values.dir, host: values.host, port: Number(values.port), region: values.region, accessKey, secretKey })
if (values.pidfile) writeFileSync(values.pidfile, `${process.pid}\n`)
tidyAfter(10_000)
console.log(`s3 ready ${served.url}`)

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  await served.close()
  if (values.pidfile) rmSync(values.pidfile, { force: true })
  process.exit(0)
}
process.on('SIGTERM', stop).on('SIGINT', stop)
