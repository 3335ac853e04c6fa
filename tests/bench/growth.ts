import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Database from 'libsql'
import { workerd } from '../../local/functions.ts'
import { make, node, root } from '../../local/layout.ts'
import { freePort, Running } from '../harness/running.ts'
import { until } from '../steps.ts'
import { fill } from './fill.ts'
import { Subject } from './subject.ts'
import { spent } from './figures.ts'
import { loop } from './load.ts'
import { sum } from './processes.ts'

const pages = [
  ['servers, detail', '/compute/v2.1/servers/detail?limit=1000', 'servers', 150],
  ['servers, brief', '/compute/v2.1/servers?limit=1000', 'servers', 50],
  ['ports', '/network/v2.0/ports?limit=1000', 'ports', undefined],
] as const

/**
 * Pages of a thousand as tables grow. Rows go by SQL into a copy of the database, served by functions of its own that
 * have neither hosts nor sweeps: what is measured is the lists alone.
 */
export async function growth(s: Subject) {
  const sizes = s.scale < 1 ? [1000, 10_000] : [1000, 10_000, 100_000]
  s.figures.title(`Pages of 1,000 with ${sizes.join(', ')} servers and as many ports`)
  const dir = mkdtempSync(path.join(tmpdir(), 'virga-growth-')), file = path.join(dir, 'copy.db')
  const from = new Database(path.join(s.cloud.data, 'db', 'cloud.db'))
  from.exec(`vacuum into '${file}'`)
  from.close()
  const still = await serve(dir, file, s).catch((e) => { rmSync(dir, { recursive: true, force: true }); throw e })
  try {
    const cost = new Map<string, { size: number; ms: number }[]>()
    for (const size of sizes) {
      fill(file, size)
      for (const [name, url, key, p99] of pages) {
        const middle = size > 1000 && key === 'servers' ? `&marker=${markerAt(file, size / 2)}` : ''
        for (const [at, what] of [['', 'first'], ...(middle ? [[middle, 'a middle']] : [])] as const) {
          const got = await still.call('GET', url + at)
          if (got[key].length !== 1000) { s.figures.fail(`${name} at ${size}`, `${got[key].length} rows on ${what} page`); continue }
          const { out, cpu } = await spent(still.processes, () => loop({ n: s.scaled(40), at: 1 }, () => still.call('GET', url + at)), false)
          s.figures.failed(name, out)
          s.figures.latency(`${name}, ${what} page at ${size}`, out.ms, p99 === undefined ? {} : { p99 })
          s.figures.cpu(`${name}, ${what} page at ${size}`, cpu, out.done.length)
          cost.set(`${name}, ${what} page`, [...(cost.get(`${name}, ${what} page`) ?? []), { size, ms: sum(cpu) / out.done.length }])
        }
      }
    }
    for (const [name, all] of cost) {
      const [first, last] = [all[0], all.at(-1)!]
      if (all.length > 1) s.figures.put(`${name}: CPU at ${last.size} / at ${first.size}`, last.ms / first.ms, 'x', { bar: { most: 1.2 } })
    }
  } finally {
    still.end()
    rmSync(dir, { recursive: true, force: true })
  }
}

const markerAt = (file: string, n: number): string => {
  const db = new Database(file)
  try { return (db.prepare('select id from server order by created_at desc, id desc limit 1 offset ?').get([n]) as { id: string }).id } finally { db.close() }
}

/** The functions over that file, and nothing else. */
export async function serve(dir: string, file: string, s: Subject) {
  const at = make(path.join(dir, 'still'))
  mkdirSync(at.run, { recursive: true })
  const keys = s.cloud.secrets(), { s3 } = s.cloud.secrets<{ s3: number }>('ports.json')
  const dbPort = await freePort(), port = await freePort()
  const functions = await workerd(at, { listen: '127.0.0.1', port, vars: {
    LIBSQL_URL: `http://127.0.0.1:${dbPort}`, LIBSQL_TOKEN: keys.libsqlToken, S3_URL: `http://127.0.0.1:${s3}`, S3_ACCESS_KEY: keys.s3AccessKey, S3_SECRET_KEY: keys.s3SecretKey, S3_BUCKET: 'virga',
    MASTER_SECRET: keys.master, INTERNAL_SECRET: keys.internal, REGION: 'RegionOne',
  } })
  const children = [
    spawn(node, ['--disable-warning=ExperimentalWarning', path.join(root, 'local/libsql/main.ts'), '--file', file, '--port', String(dbPort)], { stdio: 'ignore', env: { ...process.env, VIRGA_DB_TOKEN: keys.libsqlToken } }),
    spawn(functions.command, functions.args, { stdio: 'ignore' }),
  ]
  for (const [i, name] of ['libsql', 'functions'].entries()) writeFileSync(path.join(at.run, `${name}.pid`), `${children[i].pid}\n`)
  const still = new Subject(new Running(at.dir, port, []), s.figures, s.scale)
  still.token = s.token
  const end = () => { for (const c of children) c.kill('SIGKILL') }
  try { await until('functions over the copy', 30, async () => (await still.ask('GET', '/')).status === 200) } catch (e) { end(); throw e }
  return Object.assign(still, { end })
}
