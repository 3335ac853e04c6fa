import { invalid } from '../../../../kernel/fault.ts'
import type { Value } from '../../../template/types.ts'

type Block = Record<string, any>
const some = (v: unknown) => v !== undefined && v !== null
const clean = (b: Block) => Object.fromEntries(Object.entries(b).filter(([, v]) => some(v)))

/** The older spelling as the API has it. */
export const firstBlocks = (list: Block[] | undefined) => list?.map((b) => clean(b))

/** The newer spelling: where a disk comes from says what it is. */
export const secondBlocks = (list: Block[] | undefined) => list?.map((b) => {
  const { volume_id, snapshot_id, image, swap_size, ephemeral_size, ephemeral_format, ...rest } = b
  const source = volume_id ? ['volume', volume_id] : snapshot_id ? ['snapshot', snapshot_id] : image ? ['image', image] : undefined
  const base = source ? { source_type: source[0], uuid: source[1], destination_type: 'volume', boot_index: 0, delete_on_termination: false }
    : { source_type: 'blank', destination_type: 'local', boot_index: -1, delete_on_termination: true, ...(swap_size ? { guest_format: 'swap', volume_size: swap_size } : { volume_size: ephemeral_size, guest_format: ephemeral_format }) }
  return clean({ ...base, ...clean(rest) })
})

/** What a server can be started from, as far as it is known before. */
export function checkBlocks(p: Record<string, Value>) {
  const one = (p.block_device_mapping ?? []) as Block[], two = (p.block_device_mapping_v2 ?? []) as Block[]
  if (!Array.isArray(one) || !Array.isArray(two)) return
  if (one.length && two.length) throw invalid('Cannot define the following properties at the same time: block_device_mapping, block_device_mapping_v2.')
  for (const b of one) {
    if (some(b.volume_id) && some(b.snapshot_id)) throw invalid('Cannot define the following properties at the same time: volume_id, snapshot_id.')
    if (!some(b.volume_id) && !some(b.snapshot_id)) throw invalid(`Either volume_id or snapshot_id must be specified for device mapping ${b.device_name}`)
  }
  let bootable = Number(some(p.image)), last = some(p.image) || one.some((b) => /(^|\/)vda$/.test(String(b.device_name)))
  for (const b of two) {
    const kinds = [b.volume_id, b.snapshot_id, b.image, b.swap_size, b.ephemeral_size ?? b.ephemeral_format].filter(some).length
    if (kinds > 1) throw invalid('Cannot define the following properties at the same time: volume_id, snapshot_id, image, swap_size, ephemeral_size, ephemeral_format.')
    if (!kinds) throw invalid('Either volume_id, snapshot_id, image_id, swap_size, ephemeral_size or ephemeral_format must be specified.')
    if ((some(b.volume_id) || some(b.snapshot_id) || some(b.image)) && (!some(b.boot_index) || b.boot_index === 0)) { bootable++; last = true }
  }
  if (!last) throw invalid('Neither image nor bootable volume is specified for instance', { type: 'StackValidationFailed' })
  if (two.length && bootable > 1) throw invalid('Multiple bootable sources for instance.')
}
