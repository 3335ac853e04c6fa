import { list, live, map, rest, text, type Attribute, type Change, type Property, type ResourceType, type Work } from '../../provider.ts'

/** What the types of networks and their parts share. */
export const NET = { service: 'network' } as const
export const attribute = (type: Attribute['type'] = 'String'): Attribute => ({ type })
export const tags = list(text(), live)
export const specs = map(undefined, { default: {}, ...live })
export const policy = text({ ...live, find: 'neutron.qos_policy' })
export const project = text({ description: 'The project it is made for; an administrator names another.' })

type Props = Record<string, any>
interface Piece {
  path: string
  key: string
  wire?: Record<string, string>
  local?: string[]
  named?: boolean
  /** What is sent for a property that was taken away; null when not said. */
  cleared?: Record<string, unknown>
  /** The last word on a body, of a create and of a change alike. */
  shape?: (body: Props, r: Work) => Props
}

/** A document of the network service: `value_specs` are members of its own, `tags` follow once it is there. */
export function piece(o: Piece): Pick<ResourceType, 'create' | 'ready' | 'update' | 'remove' | 'show'> {
  const local = [...o.local ?? [], 'tags', 'value_specs'], shape = o.shape ?? ((b: Props) => b), wire = (k: string) => o.wire?.[k] ?? k
  const bodyOf = (p: Props, r: Work) => ({ ...shape(Object.fromEntries(Object.entries(p).filter(([k, v]) => v !== undefined && v !== null && !local.includes(k)).map(([k, v]) => [wire(k), v])), r), ...p.value_specs })
  const changeOf = ({ changed, after }: Change, r: Work) => ({
    ...shape(Object.fromEntries(changed.filter((k) => !local.includes(k)).map((k) => [wire(k), after[k] ?? o.cleared?.[k] ?? null])), r),
    ...(changed.includes('value_specs') ? after.value_specs : {}),
  })
  const base = rest({ ...NET, path: o.path, key: o.key, named: o.named, body: bodyOf, change: changeOf })
  const tag = (r: Work, tags: string[]) => r.call({ ...NET, method: 'PUT', path: `${o.path}/${r.resource.physicalId}/tags`, body: { tags } })
  return {
    ...base,
    async create(r) {
      const p = await base.create(r)
      return r.properties.tags?.length ? { ...p, again: true } : p
    },
    async ready(r) {
      if (!r.properties.tags?.length || r.resource.data.tagged) return {}
      await tag(r, r.properties.tags)
      return { data: { ...r.resource.data, tagged: true } }
    },
    async update(r, change) {
      const out = await base.update!(r, change)
      if (!change.changed.includes('tags') || out === 'replace') return out
      // After the rest: a tag makes a new revision, which nothing in this batch would expect.
      await tag(r, change.after.tags ?? [])
      return { ...out, data: { ...r.resource.data, tagged: true } }
    },
  }
}

/** A document without name or tags that only comes and goes, or changes as a whole. */
export const bare = (o: Omit<Piece, 'named'>) => { const { ready: _, ...p } = piece({ ...o, named: false }); return p }

export const same = (...keys: string[]): Record<string, Attribute> => Object.fromEntries(keys.map((k) => [k, attribute()]))
export const of = (type: Attribute['type'], from: (shown: any) => unknown): Attribute => ({ type, of: from })
export const ids = (find: string, o: Partial<Property> = {}): Property => list(text({ find }), o)
