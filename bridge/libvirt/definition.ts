import { read } from './xml.ts'
import { absent, type Virsh } from './virsh.ts'

/** The devices of a domain as libvirt has them: what runs, and what is kept for the next start. */
export interface Definition {
  disks: { path: string; device: string }[]
  nics: { mac: string; tap: string }[]
  scsi: boolean
  started?: number
}

/** undefined: no such domain. For one that is off both are the same. */
export async function definition(virsh: Virsh, name: string): Promise<{ now: Definition; kept: Definition } | undefined> {
  try {
    const [now, kept] = parse(await virsh.batch(['dumpxml', name], ['dumpxml', name, '--inactive']))
    return kept && { now, kept }
  } catch (error) {
    if (absent(error)) return undefined
    throw error
  }
}

export function parse(xml: string): Definition[] {
  return read(`<all>${xml}</all>`).all.domain.map((domain: any) => ({
    disks: (domain.devices.disk ?? []).filter((d: any) => d['@device'] === 'disk' && d.source?.['@file'])
      .map((d: any) => ({ path: d.source['@file'], device: d.target['@dev'] })),
    nics: (domain.devices.interface ?? []).map((n: any) => ({ mac: n.mac['@address'], tap: n.target?.['@dev'] ?? '' })),
    scsi: (domain.devices.controller ?? []).some((c: any) => c['@type'] === 'scsi'),
    started: Number(domain.metadata?.['virga:guest']?.['@started']) || undefined,
  }))
}
