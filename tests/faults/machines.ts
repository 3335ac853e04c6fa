import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { configFile, folder, type Many } from '../../local/host/many.ts'
import { make, readJson, writeJson } from '../../local/layout.ts'
import { Running } from '../harness/running.ts'
import { until } from '../steps.ts'
import { Disk } from './disk.ts'
import { ingredients, type Ingredients } from './operations.ts'
import { Wire } from './wire.ts'

/** Two real hosts on this machine, their way to the control plane over a wire of the test's, their disks its own too. */
export class Real extends Running {
  readonly wire: Wire = new Wire(() => this.port)
  disks: Disk[] = []
  /** The port at which hosts find the control plane. */
  link = 0

  static async cloud(): Promise<Real> {
    const { data, port } = await Running.make([])
    return new Real(data, port, ['--hypervisor', 'libvirt', '--hosts', '2'])
  }
  override async start(): Promise<void> {
    const at = make(this.data)
    for (const n of [1, 2]) {
      const dir = folder(at, n, 'bridge')
      mkdirSync(dir, { recursive: true })
      this.disks.push(new Disk(dir, { gigabytes: 64, file: path.join(path.dirname(this.data), `disk-${n}`) }))
    }
    if (!this.disks.every((d) => d.there)) throw new Error('the disks of the hosts cannot be mounted')
    await super.start()
    const url = await this.wire.open(), file = configFile(at)
    this.link = Number(new URL(url).port)
    writeJson(file, { ...readJson<Many>(file)!, cloud: url })
    const seen = this.wire.fresh
    await this.back('bridge', this.kill('bridge'), 60)
    await until('the hosts ask by the wire', 60, async () => this.wire.fresh >= seen + 2)
  }
  override async reset(): Promise<void> {
    await this.stop()
    this.wire.close()
    for (const d of this.disks.splice(0)) d.unmount('lazy')
    await super.reset()
  }
}

/** An image that holds nothing: its guests halt at once and cost little. */
export async function realIngredients(c: Running): Promise<Ingredients> {
  const token = await c.token('admin')
  // A blank guest does not answer a power button either.
  const { id } = await c.call('admin', 'POST', '/image/v2/images', { name: 'blank', disk_format: 'raw', container_format: 'bare', visibility: 'public', os_shutdown_timeout: '1' })
  const r = await c.ask('PUT', `/image/v2/images/${id}/file`, { token, raw: Buffer.alloc(1 << 20), headers: { 'content-type': 'application/octet-stream' } })
  if (r.status !== 204) throw new Error(`upload: ${r.status} ${r.text}`)
  const flavor = async (name: string, ram: number) => (await c.call('admin', 'POST', '/compute/v2.1/flavors', { flavor: { name, vcpus: 1, ram, disk: 1 } })).flavor.id as string
  return { ...await ingredients(c), image: id, flavor: await flavor('blank', 64), bigger: await flavor('blank-bigger', 96), deaf: true }
}
