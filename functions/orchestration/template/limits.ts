import type { Front, Limits } from './types.ts'

/** Sizes as the peers have them by default; nodes and depth are ours, far above what people write. */
const heat: Limits = { bytes: 524_288, depth: 100, nodes: 200_000, resources: 1000, parameters: 1000, outputs: 1000, mappings: 1000 }
const aws: Limits = { bytes: 1_048_576, depth: 100, nodes: 400_000, resources: 500, parameters: 200, outputs: 200, mappings: 200 }

export const limitsOf = (front: Front, over: Partial<Limits> = {}): Limits => ({ ...front === 'aws' ? aws : heat, ...over })

/** UTF-8 bytes, not counted further than needed: a text of 50 MB is refused by its length alone. */
export const bytesOver = (text: string, limit: number) =>
  text.length > limit || (text.length * 3 > limit && new TextEncoder().encode(text).length > limit)
