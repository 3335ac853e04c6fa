import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { GuestData } from '../../schema/hosts.ts'
import type { DomainSpec } from '../../schema/jobs.ts'
import { identity } from '../core/enrol.ts'
import { startHost, type HostParts } from '../core/host.ts'
import { quiet } from '../core/log.ts'
import type { FakeCloud } from '../core/testing.ts'
import { executors } from '../executors.ts'
import { Simulation } from './index.ts'
import type { Mischief } from './mischief.ts'

/** A folder that is gone after the test. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bridge-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** One simulated host in this process, at work for the given control plane. */
export async function trialHost(cloud: FakeCloud, of: Partial<HostParts> & { mischief?: Mischief; name?: string } = {}) {
  const state = of.state ?? temporary()
  const name = of.name ?? 'trial'
  const signer = of.signer ?? await identity({ cloud: cloud.url, token: 'token', name, file: join(state, 'host.json'), log: quiet })
  const drivers = of.drivers ?? new Simulation(state, { mischief: of.mischief }).host(name)
  const host = await startHost({ cloud: cloud.url, executors, slots: 8, serves: false, version: '0', log: quiet, ...of, signer, drivers, state })
  return { ...host, id: signer.host, signer, drivers, state }
}

export const trialSpec = (more: Partial<DomainSpec> = {}): DomainSpec => ({
  uuid: randomUUID(), name: 'vm', project: 'a'.repeat(32), flavor: 'm1.nano', requestId: 'req-test', vcpus: 1, memoryMb: 128, disks: [], nics: [], configDrive: false, ...more,
})

export const trialGuest = (server: string, more: Partial<GuestData> = {}): GuestData => ({
  server, etag: '1', name: 'vm', hostname: 'vm.example', project: 'a'.repeat(32), user: 'u', availabilityZone: 'nova', flavor: 'm1.nano', imageId: randomUUID(),
  launchIndex: 0, reservationId: 'r-12345678', ec2Id: 'i-00000001', meta: {}, keys: [], fixedIps: [], networkData: { links: [], networks: [], services: [] },
  securityGroups: ['default'], devices: [], ...more,
})
