import type { Progress, Work } from '../../provider.ts'
import { offers } from '../offers.ts'
import { settled, showVolume, VOLUME } from './pieces.ts'

/**
 * Keeps what is on a volume that is about to go: as a backup where the cloud has backups, else as another volume, for a
 * snapshot would go with the volume it is of.
 */
export async function keep(r: Work): Promise<Progress> {
  const v = await showVolume(r), name = `${v.name || r.uniqueName()}-kept`
  if (await offers('volume', 'POST', '/backups')) {
    const { backup } = await r.call({ ...VOLUME, method: 'POST', path: '/backups', body: { backup: { volume_id: v.id, name, force: true } } })
    return { data: { ...r.resource.data, keeping: { path: `/backups/${backup.id}`, key: 'backup' } }, wait: { lane: backup.id } }
  }
  const { volume } = await r.call({ ...VOLUME, method: 'POST', path: '/volumes', body: { volume: { source_volid: v.id, size: v.size, name, description: `Kept of ${v.id}` } } })
  return { data: { ...r.resource.data, keeping: { path: `/volumes/${volume.id}`, key: 'volume' } }, wait: { lane: volume.id } }
}
export async function kept(r: Work): Promise<Progress> {
  const { path, key } = r.resource.data.keeping as { path: string; key: string }
  const wait = settled(key, (await r.call({ ...VOLUME, method: 'GET', path }))[key])
  return wait ?? { data: { ...r.resource.data, keeping: undefined } }
}
