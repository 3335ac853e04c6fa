import type { Desired, Rule } from './hosts.ts'

/**
 * `GET /hosts/{host}/desired?since=REV`: what should be on a host, or what of it is new. Rules name groups here, whose
 * members are told apart from them: a port that comes or goes is a line, not a new list in every rule.
 */
export type GroupRule = Rule & { group?: string }
type Port = Desired['ports'][number]
export type StatedPort = Omit<Port, 'security'> & { security?: Omit<NonNullable<Port['security']>, 'ingress' | 'egress'> & { ingress: GroupRule[]; egress: GroupRule[] } }
export interface Stated {
  revision: number
  /** What this builds upon; absent: it is whole. */
  base?: number
  /** Networks the host has; others are gone. */
  have?: string[]
  /** Ports of which all that was known is replaced by what is said here, if anything. */
  changed?: string[]
  /** Of what builds upon an earlier one: those that are new to the host, with all their ports. */
  networks: Desired['networks']
  /** Peers of networks that are not new. */
  peers?: Record<string, string[]>
  ports: StatedPort[]
  elsewhere: Desired['elsewhere']
  /** Groups with all their members, by port. */
  groups: { id: string; members: Record<string, string[]> }[]
  /** What changed ports are members of. */
  members?: { port: string; groups: string[]; cidrs: string[] }[]
  /** Only when whole. */
  routers?: Desired['routers']
  guests: Desired['guests']
}

/** What a host was told so far, as one. */
export class Picture {
  revision = 0
  readonly #lean: boolean
  readonly #networks = new Map<string, Desired['networks'][number]>()
  readonly #ports = new Map<string, StatedPort>()
  readonly #elsewhere = new Map<string, Desired['elsewhere'][number]>()
  readonly #groups = new Map<string, Map<string, string[]>>()
  #routers: Desired['routers'] = []
  #guests: Desired['guests'] = []

  /** `lean`: keeps nothing of ports that are elsewhere. */
  constructor(lean = false) { this.#lean = lean }

  /** Adds what is new; says whether the host's own ports are concerned. */
  take(s: Stated): boolean {
    if (s.base !== undefined && s.base !== this.revision) throw new Error(`changes since ${s.base} do not follow ${this.revision}`)
    const own = s.base === undefined || s.ports.length > 0 || s.changed!.some((id) => this.#ports.has(id)) || [...this.#networks.keys()].some((id) => !s.have!.includes(id))
    if (s.base === undefined) for (const known of [this.#networks, this.#ports, this.#elsewhere, this.#groups]) known.clear()
    else this.#forget(s)
    for (const n of s.networks) this.#networks.set(n.id, n)
    for (const [id, peers] of Object.entries(s.peers ?? {})) {
      const n = this.#networks.get(id)
      if (n) this.#networks.set(id, { ...n, peers })
    }
    for (const p of s.ports) this.#ports.set(p.id, p)
    if (!this.#lean) {
      for (const e of s.elsewhere) this.#elsewhere.set(e.id, e)
      for (const g of s.groups) this.#groups.set(g.id, new Map(Object.entries(g.members)))
      for (const m of s.members ?? []) for (const id of m.groups) this.#group(id).set(m.port, m.cidrs)
    }
    if (s.routers) this.#routers = s.routers
    this.#guests = s.guests
    this.revision = s.revision
    return own
  }

  #group(id: string) { return this.#groups.get(id) ?? this.#groups.set(id, new Map()).get(id)! }

  #forget(s: Stated) {
    for (const id of s.changed!) {
      this.#ports.delete(id)
      this.#elsewhere.delete(id)
      for (const members of this.#groups.values()) members.delete(id)
    }
    const have = new Set(s.have), anew = new Set(s.networks.map((n) => n.id))
    for (const id of this.#networks.keys()) if (!have.has(id)) this.#networks.delete(id)
    const stays = (network: string) => have.has(network) && !anew.has(network)
    for (const list of [this.#ports, this.#elsewhere]) for (const [id, p] of list) if (!stays(p.network)) list.delete(id)
  }

  document(): Desired {
    const named = new Set<string>(), sorted = new Map<string, string[]>()
    const remotes = (group: string, family: 4 | 6) => {
      const key = `${group} ${family}`
      const same = (cidr: string) => cidr.includes(':') === (family === 6)
      named.add(group)
      return sorted.get(key) ?? sorted.set(key, [...new Set([...this.#groups.get(group)?.values() ?? []].flat().filter(same))].sort()).get(key)!
    }
    const plain = ({ group, ...rule }: GroupRule): Rule => (group === undefined ? rule : { ...rule, remotes: remotes(group, rule.family) })
    const ports = [...this.#ports.values()].map(({ security, ...p }): Port => (security ? { ...p, security: { ...security, ingress: security.ingress.map(plain), egress: security.egress.map(plain) } } : p))
    // What no rule names any more is not told any more.
    for (const id of this.#groups.keys()) if (!named.has(id)) this.#groups.delete(id)
    return { revision: this.revision, networks: [...this.#networks.values()], ports, elsewhere: [...this.#elsewhere.values()], routers: this.#routers, guests: this.#guests }
  }
}
