import { invalid } from '../../../../kernel/fault.ts'
import type { Progress, Work } from '../../provider.ts'

export const VOLUME = { service: 'volume' } as const
export const showVolume = async (r: Work, id = r.resource.physicalId) => (await r.call({ ...VOLUME, method: 'GET', path: `/volumes/${id}` })).volume
export const act = (r: Work, body: unknown, id = r.resource.physicalId) => r.call({ ...VOLUME, method: 'POST', path: `/volumes/${id}/action`, body })
/** There and at rest, or on its way. */
export function settled(kind: string, v: { id: string; status: string }): Progress | undefined {
  if (/^error/.test(v.status)) throw invalid(`Went to status ${v.status} due to "Unknown": ${kind} ${v.id}`, { type: 'ResourceInError' })
  return ['available', 'in-use'].includes(v.status) ? undefined : { wait: { lane: v.id } }
}
