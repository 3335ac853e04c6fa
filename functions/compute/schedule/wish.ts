import { maxPerHost, type Group } from '../groups/model.ts'
import { needOf, type Server } from '../servers/model.ts'
import type { Wish } from './filters.ts'

/** What a server asks of its host. `others`: where the other members of its group are. */
export const wishOf = (s: Pick<Server, 'shape' | 'imageProperties'>, onVolume: boolean, group: Group | undefined, others: { host: string | null }[], more: Partial<Wish> = {}): Wish => ({
  need: needOf(s.shape, onVolume), extraSpecs: s.shape.extraSpecs, image: s.imageProperties,
  group: group && { policy: group.policy, maxPerHost: maxPerHost(group) }, groupHosts: others.flatMap((m) => m.host ?? []), ...more,
})
