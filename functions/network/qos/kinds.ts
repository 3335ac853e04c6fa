import { Type as t, type TSchema } from 'typebox'

/** Kinds of rules: how bodies spell them, and whether hosts carry them out. One that they do not may be written down, but nothing can be put under it. */
export interface Kind { type: string; plural: string; value: string; schema: TSchema; burst?: string; directions: ('ingress' | 'egress' | 'any')[]; enforced: boolean }

const amount = t.Integer({ minimum: 1, maximum: 2147483647 })
export const MARKS = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56]

export const kinds: Kind[] = [
  { type: 'bandwidth_limit', plural: 'bandwidth_limit_rules', value: 'max_kbps', schema: amount, burst: 'max_burst_kbps', directions: ['egress', 'ingress'], enforced: true },
  { type: 'dscp_marking', plural: 'dscp_marking_rules', value: 'dscp_mark', schema: t.Enum(MARKS), directions: [], enforced: true },
  { type: 'packet_rate_limit', plural: 'packet_rate_limit_rules', value: 'max_kpps', schema: amount, burst: 'max_burst_kpps', directions: ['egress', 'ingress'], enforced: true },
  { type: 'minimum_bandwidth', plural: 'minimum_bandwidth_rules', value: 'min_kbps', schema: amount, directions: ['egress', 'ingress'], enforced: false },
  { type: 'minimum_packet_rate', plural: 'minimum_packet_rate_rules', value: 'min_kpps', schema: amount, directions: ['egress', 'ingress', 'any'], enforced: false },
]
export const kindOf = (type: string) => kinds.find((k) => k.type === type)!
