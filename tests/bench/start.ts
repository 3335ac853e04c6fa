import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { show, type Figures } from './figures.ts'
import { less, sum } from './processes.ts'
import { Subject } from './subject.ts'

const text = (of: Record<string, number>) => Object.entries(of).map(([k, v]) => `${k} ${show(v)}`).join(', ')

/** A cloud with so many simulated hosts, measured as it starts and while nobody asks it anything. */
export async function start(hosts: number, figures: Figures, scale: number): Promise<Subject> {
  figures.title(`npm start, ${hosts} simulated hosts`)
  const since = performance.now()
  const s = await Subject.start(['--hypervisor', 'simulated', '--hosts', String(hosts), '--no-host-packages'], figures, scale)
  figures.put('start on an empty folder, hosts enrolled', (performance.now() - since) / 1000, 's')
  const bundle = path.join(s.cloud.data, 'functions', 'worker.js')
  figures.put('bundle', statSync(bundle).size / 1024, 'KiB', { note: `${show(gzipSync(readFileSync(bundle)).length / 1024)} KiB compressed` })
  return s
}

/** Memory and CPU at rest; then the same folder once more. */
export async function idle(s: Subject) {
  s.figures.title('At rest')
  await sleep(3000)
  const seconds = s.scale < 1 ? 5 : 20
  const before = s.processes.cpu()
  await sleep(seconds * 1000)
  const spent = less(s.processes.cpu(), before), rss = s.processes.memory('Rss'), pss = s.processes.memory('Pss')
  s.figures.put('memory of all processes, RSS', sum(rss), 'MiB', { bar: { most: 512 }, note: text(rss) })
  s.figures.put('memory of all processes, PSS', sum(pss), 'MiB', { note: text(pss) })
  s.figures.put('CPU at rest', sum(spent) / seconds, 'CPU ms/s', { note: text(Object.fromEntries(Object.entries(spent).map(([k, v]) => [k, v / seconds]))) })
}

export async function again(s: Subject) {
  s.figures.title('Stop and start again')
  s.figures.put('stop', await s.cloud.stop(), 'ms')
  const since = performance.now()
  await s.cloud.start()
  s.figures.put('start on the same folder', (performance.now() - since) / 1000, 's')
}
