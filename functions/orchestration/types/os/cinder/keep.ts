import type { Progress, Work } from '../../provider.ts'
import { settled, showVolume, VOLUME } from './pieces.ts'

/** Keeps what is on a volume that is about to go: as a backup, for a snapshot would go with the volume it is of. */
export async function keep(r: Work): Promise<Progress> {
  const v = await showVolume(r)
  const { backup } = await r.call({ ...VOLUME, method: 'POST', path: '/backups', body: { backup: { volume_id: v.id, name: `${v.name || r.uniqueName()}-kept`, force: true } } })
  return { data: { ...r.resource.data, keeping: { path: `/backups/${backup.id}`, key: 'backup' } }, wait: { lane: backup.id } }
}
export async function kept(r: Work): Promise<Progress> {
  const { path, key } = r.resource.data.keeping as { path: string; key: string }
  const wait = settled(key, (await r.call({ ...VOLUME, method: 'GET', path }))[key])
  return wait ?? { data: { ...r.resource.data, keeping: undefined } }
}
