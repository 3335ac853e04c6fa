import { exportJWK, SignJWT } from 'jose'
import type { Job, JobName } from '../../schema/jobs.ts'
import type { Inventory } from '../../schema/hosts.ts'
import type { Answer, Ask } from './cloud.ts'

type Call = (method: string, path: string, ask?: Ask) => Promise<Answer>

/** A host that does what it is told at once and says so; or, by `on`, what a test wants. Runs where the functions run. */
export class TestHost {
  readonly id: string
  readonly name: string
  private readonly call: Call
  private readonly key: CryptoKey
  private readonly capacity: Partial<Inventory['capacity']>
  bell = 0
  revision = 0
  readonly domains = new Map<string, Inventory['domains'][number]>()
  readonly disks = new Set<string>()
  /** Image bytes it has at hand, by digest. */
  readonly images = new Map<string, NonNullable<Inventory['images']>[number]>()
  /** Hosts beside it, which servers can move to. */
  readonly peers: TestHost[] = []
  storage = 'test'
  /** What it says it leads to; undefined: as a bridge of before. */
  physical: string[] | undefined = ['external', 'physnet1']
  /** Whom a move was let in by. */
  private static readonly doors = new Map<string, TestHost>()
  /** What it was asked, in order. */
  readonly log: Job[] = []
  /** A job kind's own behaviour: a result, or a thrown `Error` (`terminal` if it says so), or 'hold' to leave it running. */
  on: Partial<Record<JobName, (job: Job) => Record<string, unknown> | 'hold' | Promise<Record<string, unknown>>>> = {}

  private constructor(call: Call, id: string, name: string, key: CryptoKey, capacity: object) {
    this.call = call; this.id = id; this.name = name; this.key = key; this.capacity = capacity
  }

  static async enroll(call: Call, token: string, name: string, capacity = {}): Promise<TestHost> {
    const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']) as CryptoKeyPair
    const { x } = await exportJWK(pair.publicKey)
    const r = await call('POST', '/hosts/enroll', { body: { token, name, publicKey: { kty: 'OKP', crv: 'Ed25519', x } } })
    if (r.status !== 201) throw new Error(`enrol: ${r.status} ${r.text}`)
    const host = new TestHost(call, r.body.host, name, pair.privateKey, capacity)
    await host.report()
    return host
  }

  /** A signed call; `forge` changes the claims before they are signed. */
  async signed(method: string, path: string, body?: unknown, forge: Record<string, unknown> = {}): Promise<Answer> {
    const url = `/hosts/${this.id}${path}`, text = body === undefined ? '' : JSON.stringify(body)
    return this.call(method, url, { raw: text || undefined, headers: { authorization: `Bearer ${await this.sign(method, url, text, forge)}` } })
  }
  async sign(method: string, url: string, text: string, forge: Record<string, unknown> = {}): Promise<string> {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ iss: this.id, iat: now, exp: now + 60, jti: crypto.randomUUID(), htm: method, htu: url, bd: btoa(String.fromCharCode(...digest)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''), ...forge })
      .setProtectedHeader({ alg: 'EdDSA', kid: (forge.kid as string) ?? this.id }).sign(this.key)
  }

  claim(slots = 16, running: { id: string; attempt: number }[] = [], wait = 0) {
    return this.signed('POST', '/claim', { slots, running, wait, bell: this.bell, revision: this.revision })
  }
  done(job: Job, result: Record<string, unknown> = {}, slots = 16) { return this.signed('POST', `/jobs/${job.id}`, { attempt: job.attempt, state: 'done', result, slots }) }
  fail(job: Job, error: string, terminal = true, slots = 16, anywhere = false) { return this.signed('POST', `/jobs/${job.id}`, { attempt: job.attempt, state: 'failed', error, terminal, slots, ...(anywhere && { anywhere }) }) }

  /** Works until nothing is left to do. */
  async work(): Promise<number> {
    let n = 0
    for (let jobs = (await this.claim()).body.jobs as Job[]; jobs.length; jobs = (await this.claim()).body.jobs) {
      while (jobs.length) { n++; jobs.push(...await this.perform(jobs.shift()!)) }
    }
    return n
  }
  async perform(job: Job): Promise<Job[]> {
    this.log.push(job)
    try {
      const out = this.on[job.kind] ? await this.on[job.kind]!(job) : this.obey(job)
      return out === 'hold' ? [] : (await this.done(job, out)).body?.jobs ?? []
    } catch (e) {
      const r = await this.fail(job, (e as Error).message, (e as { terminal?: boolean }).terminal ?? true, 16, (e as { anywhere?: boolean }).anywhere)
      return r.body?.jobs ?? []
    }
  }
  /** Does what the job says, and nothing about it: for tests that report, or do not, by themselves. */
  obey(job: Job): Record<string, unknown> {
    const a = job.args as any
    const at = (ref: { kind: string; id: string }) => `${ref.kind}/${ref.id}`
    switch (job.kind) {
      case 'disk.create': this.disks.add(at(a.disk)); return { bytes: 1 << 20 }
      case 'image.fetch': this.images.set(a.image.sha512.slice(0, 64), { digest: a.image.sha512.slice(0, 64), format: a.image.format, size: a.image.size, disks: 0, since: 1_700_000_000, usedAt: 1_700_000_060 }); return {}
      case 'image.forget': for (const i of a.images) this.images.delete(i.digest); return {}
      case 'disk.delete': this.disks.delete(at(a.disk)); return {}
      case 'disk.snapshot': this.disks.add(at(a.snapshot)); return { bytes: 1 << 20 }
      case 'disk.upload': return { size: 65536, virtualSize: 1 << 30, md5: '0'.repeat(32), sha512: '0'.repeat(128) }
      case 'disk.backup': return { manifest: { number: 1, size: 64, sha256: '0'.repeat(64) }, first: 0, objects: 1, bytes: 4 << 20 }
      case 'disk.restore': this.disks.add(at(a.disk)); return { bytes: 4 << 20 }
      case 'domain.start': case 'domain.reboot': this.domains.set(a.spec.uuid, { uuid: a.spec.uuid, state: 'running', vncPort: 5900 }); return { vncPort: 5900 }
      case 'domain.stop': this.domains.set(a.uuid, { uuid: a.uuid, state: 'shutoff' }); return {}
      case 'domain.pause': this.domains.set(a.uuid, { uuid: a.uuid, state: 'paused' }); return {}
      case 'domain.resume': this.domains.set(a.uuid, { uuid: a.uuid, state: 'running' }); return {}
      case 'domain.save': this.domains.set(a.uuid, { uuid: a.uuid, state: 'saved' }); return {}
      case 'domain.destroy':
        this.domains.delete(a.uuid)
        if (!a.keepDisks) for (const kind of ['root', 'ephemeral', 'swap']) this.disks.delete(`${kind}/${a.uuid}`)
        return {}
      case 'move.open':
        TestHost.doors.set(a.move, this)
        for (const ref of a.disks) this.disks.delete(at(ref))
        this.domains.delete(a.server)
        return { port: 4793 }
      case 'move.send': case 'move.live': {
        const there = TestHost.doors.get(a.move)
        if (!there) throw new Error('no way is open')
        for (const ref of a.disks) if (this.disks.has(at(ref))) there.disks.add(at(ref))
        if (job.kind === 'move.send') return { bytes: 1 << 20 }
        const guest = this.domains.get(a.uuid)
        if (guest && guest.state !== 'shutoff') there.domains.set(a.uuid, guest)
        this.domains.set(a.uuid, { uuid: a.uuid, state: 'shutoff' })
        return { bytes: 1 << 20, downtimeMs: 10 }
      }
      case 'move.arrive':
        this.domains.set(a.uuid, { uuid: a.uuid, state: a.resume ? 'running' : 'paused', vncPort: 5900 })
        return { vncPort: 5900 }
      case 'move.close':
        if (!a.drop) return {}
        this.domains.delete(a.server)
        for (const ref of a.disks) this.disks.delete(at(ref))
        return {}
      case 'domain.console': return { text: 'booted\nlogin:' }
      default: return {}
    }
  }

  report(more: Partial<Inventory> = {}) {
    const inventory: Inventory = {
      version: 'test', bootId: 'boot-1', storage: this.storage, revision: this.revision, ports: [], disks: [...this.disks], images: [...this.images.values()], domains: [...this.domains.values()],
      hypervisor: { type: 'simulated', virtType: 'simulated', version: 1, hostname: this.name, address: '127.0.0.1', cpuModel: 'test', arch: 'x86_64', uptimeSeconds: 1, load: [0, 0, 0] },
      capacity: { vcpus: 16, memoryMb: 65536, diskGb: 1000, freeDiskGb: 1000, freeMemoryMb: 65536, ...this.capacity }, physicalNetworks: this.physical, ...more,
    }
    return this.signed('PUT', '/inventory', inventory)
  }
}
