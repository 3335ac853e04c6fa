import type { Saga } from './kernel/saga.ts'

/** Every long operation by the name its rows carry; loaded on first use. Old names stay for one release. */
const known: Record<string, () => Promise<{ default: Saga }>> = {
  'project.purge': () => import('./identity/projects/purge.saga.ts'),
  'volume.create': () => import('./volume/volumes/create.saga.ts'),
  'volume.delete': () => import('./volume/volumes/delete.saga.ts'),
  'volume.extend': () => import('./volume/volumes/extend.saga.ts'),
  'volume.upload': () => import('./volume/volumes/upload.saga.ts'),
  'volume.rewrite': () => import('./volume/volumes/rewrite.saga.ts'),
  'snapshot.create': () => import('./volume/snapshots/create.saga.ts'),
  'snapshot.delete': () => import('./volume/snapshots/delete.saga.ts'),
  'backup.create': () => import('./volume/backups/create.saga.ts'),
  'backup.restore': () => import('./volume/backups/restore.saga.ts'),
  'stack.turn': () => import('./orchestration/engine/turn.saga.ts'),
  'server.boot': () => import('./compute/servers/boot.saga.ts'),
  'server.delete': () => import('./compute/servers/remove.saga.ts'),
  'server.turn': () => import('./compute/servers/turn.saga.ts'),
  'server.rebuild': () => import('./compute/servers/rebuild.saga.ts'),
  'server.resize': () => import('./compute/servers/resize.saga.ts'),
  'server.image': () => import('./compute/servers/image.saga.ts'),
  'server.rescue': () => import('./compute/servers/rescue.saga.ts'),
  'server.shelve': () => import('./compute/servers/shelve.saga.ts'),
  'server.unshelve': () => import('./compute/servers/unshelve.saga.ts'),
  'server.move': () => import('./compute/servers/moves/cold.saga.ts'),
  'server.move-back': () => import('./compute/servers/moves/back.saga.ts'),
  'server.live-migrate': () => import('./compute/servers/moves/live.saga.ts'),
  'server.evacuate': () => import('./compute/servers/moves/evacuate.saga.ts'),
  'server.attach': () => import('./compute/servers/attach.saga.ts'),
}

export async function sagaOf(kind: string): Promise<Saga> {
  const load = known[kind]
  if (!load) throw new Error(`no such saga: ${kind}`)
  return (await load()).default
}
export const sagaKinds = () => Object.keys(known)
