import type { DiskArgs } from './boot.saga.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { invalid } from '../../kernel/fault.ts'
import { type ImageRow, imageGb, usableImage } from '../../image/images/use.ts'
import { reserveVolume, sourceOf, stageVolume, type NewVolume, type SnapshotRow, type VolumeRow } from '../../volume/volumes/use.ts'
import { truth } from '../shapes.ts'
import type { Held } from './spec.ts'

/** One disk a server is to start with, besides those its flavor gives it. */
export interface Block {
  source: 'image' | 'volume' | 'snapshot' | 'blank'
  id?: string
  destination: 'local' | 'volume'
  boot: number | null
  sizeGb?: number
  deleteOnTermination: boolean
  device?: string; tag?: string; volumeType?: string; format?: string
}
const bad = (why: string) => invalid(`Block Device Mapping is Invalid: ${why}`)

/** Both spellings of a block device mapping as one list; the plain image boot is not in it. */
export function blocksOf(s: Record<string, any>): { blocks: Block[]; image?: string } {
  const v1 = (s.block_device_mapping ?? []) as Record<string, any>[], v2 = (s.block_device_mapping_v2 ?? []) as Record<string, any>[]
  if (v1.length && v2.length) throw invalid('Using different block_device_mapping syntaxes is not allowed in the same request.')
  let image: string | undefined = s.imageRef || undefined
  const blocks = [
    ...v1.filter((b) => !b.no_device).map((b): Block => ({
      source: b.volume_id ? 'volume' : 'snapshot', id: b.volume_id ?? b.snapshot_id, destination: 'volume', boot: /vda$/.test(b.device_name ?? '') || (!image && v1[0] === b) ? 0 : null,
      sizeGb: sizeOf(b.volume_size), deleteOnTermination: truth(b.delete_on_termination), device: b.device_name,
    })),
    ...v2.map(readV2),
  ]
  if (blocks.some((b) => b.source !== 'blank' && !b.id)) throw bad('a source needs its uuid.')
  const indexes = blocks.flatMap((b) => (b.boot !== null && b.boot >= 0 ? [b.boot] : []))
  if (new Set(indexes).size !== indexes.length || indexes.some((n) => n > 0) && !indexes.includes(0) && !image) throw bad('Boot sequence for the instance and image/block device mapping combination is not valid.')
  const root = blocks.find((b) => b.boot === 0)
  if (root?.source === 'image' && root.destination === 'local') image = root.id
  else if (root && image && s.imageRef && root.source === 'image' && root.id === image) image = undefined
  if (!root && !image) throw v1.length || v2.length ? bad('Boot sequence for the instance and image/block device mapping combination is not valid.') : invalid('Invalid imageRef provided.')
  return { image, blocks: blocks.filter((b) => b.destination === 'volume') }
}

function readV2(b: Record<string, any>): Block {
  const source = b.source_type ?? (b.volume_id ? 'volume' : b.snapshot_id ? 'snapshot' : b.image_id ? 'image' : 'blank')
  const destination = b.destination_type ?? (source === 'image' || source === 'blank' ? 'local' : 'volume')
  if (destination === 'local' && (source === 'volume' || source === 'snapshot')) throw bad(`${source} sources can only be of destination_type volume.`)
  const boot = b.boot_index === undefined || b.boot_index === null || b.boot_index === '' ? null : Number(b.boot_index)
  if (destination === 'local' && source === 'image' && boot !== 0) throw bad('Mapping image to local is not supported.')
  const sizeGb = sizeOf(b.volume_size)
  if (destination === 'volume' && source === 'image' && !sizeGb) throw bad("Images with destination_type 'volume' need to have a non-zero size specified")
  if (destination === 'volume' && source === 'blank' && !sizeGb) throw bad("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
  return { source, id: b.uuid ?? b.volume_id ?? b.snapshot_id ?? b.image_id, destination, boot, sizeGb, deleteOnTermination: truth(b.delete_on_termination), device: b.device_name, tag: b.tag, volumeType: b.volume_type ?? undefined, format: b.guest_format }
}
const sizeOf = (v: unknown) => (v === undefined || v === null || v === '' ? undefined : Number(v))

export interface Sources { images: ImageRow[]; volumes: VolumeRow[]; snapshots: SnapshotRow[] }

/** Stores the server's host must be able to open. */
export const storesOf = (blocks: Block[], from: Sources) => blocks.flatMap((b) => {
  const row = b.source === 'volume' ? from.volumes.find((v) => v.id === b.id) : b.source === 'snapshot' ? from.snapshots.find((v) => v.id === b.id) : undefined
  return row ? [row.storage ?? row.host ?? ''] : []
})

/** 400 for what is not there or not fit, before anything is decided. */
export function checkBlocks(blocks: Block[], from: Sources) {
  for (const b of blocks) {
    if (b.source === 'volume' && !from.volumes.some((v) => v.id === b.id)) throw bad(`failed to get volume ${b.id}.`)
    if (b.source === 'snapshot' && !from.snapshots.some((v) => v.id === b.id)) throw bad(`failed to get snapshot ${b.id}.`)
    if (b.source === 'volume') {
      const v = from.volumes.find((x) => x.id === b.id)!
      if (v.status !== 'available') throw invalid(`Invalid volume: Volume ${v.id} is not available (it is ${v.status}).`)
      if (b.boot === 0 && !v.bootable) throw bad(`Volume ${v.id} is not bootable.`)
    }
    if (b.source === 'image') {
      const i = usableImage(from.images, b.id!)
      if (b.sizeGb! < imageGb(i)) throw bad(`Volume size ${b.sizeGb} GB is too small for image ${i.id}, which needs ${imageGb(i)} GB.`)
    }
  }
}

/** Volumes taken and made for a server on this host: what to fill, and how the guest gets them. */
export function stageBlocks(ctx: Ctx, blocks: Block[], from: Sources, to: { server: string; project: string; user: string; host: string; zone: string; storage: string | null; devices: string[]; next: (taken: string[]) => string }): { held: Held[]; filled: DiskArgs[] } {
  const held: Held[] = [], filled: DiskArgs[] = [], taken = [...to.devices]
  for (const b of [...blocks].sort((x, y) => (x.boot ?? 99) - (y.boot ?? 99))) {
    const device = b.boot === 0 ? 'vda' : b.device && !taken.includes(b.device.replace('/dev/', '')) && /^(\/dev\/)?[vs]d[a-z]$/.test(b.device) ? b.device.replace('/dev/', '') : to.next(taken)
    taken.push(device)
    const existing = b.source === 'volume' ? from.volumes.find((v) => v.id === b.id)! : undefined
    const row = existing ?? makeVolume(ctx, b, from, to, filled)
    reserveVolume(ctx, row, { server: to.server, device: `/dev/${device}`, deleteOnTermination: b.deleteOnTermination, tag: b.tag, bootIndex: b.boot, host: to.host }, { fresh: !existing })
    held.push({ volume: row.id, device, bootIndex: b.boot })
  }
  return { held, filled }
}

function makeVolume(ctx: Ctx, b: Block, from: Sources, to: { project: string; user: string; host: string; zone: string; storage: string | null }, filled: DiskArgs[]): VolumeRow {
  const source: NewVolume['source'] = b.source === 'image' ? { image: usableImage(from.images, b.id!) } : b.source === 'snapshot' ? { snapshot: from.snapshots.find((s) => s.id === b.id)! } : { blank: true }
  const sizeGb = b.sizeGb ?? ('snapshot' in source ? source.snapshot.sizeGb : 1)
  const row = stageVolume(ctx, { id: ctx.uuid(), sizeGb, source, project: to.project, user: to.user, host: to.host, zone: to.zone, storage: to.storage, type: b.volumeType, name: '' })
  filled.push({ disk: { kind: 'volume', id: row.id }, sizeGb, source: sourceOf(source) })
  return row
}
