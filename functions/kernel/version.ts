import { Fault, invalid } from './fault.ts'

/** Microversions are compared as numbers: 2.79 is 2079. */
export function parseVersion(text: string): number {
  const m = /^([1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text)
  if (!m) throw invalid(`API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`)
  return Number(m[1]) * 1000 + Number(m[2])
}
export const showVersion = (n: number) => `${Math.floor(n / 1000)}.${n % 1000}`

export interface Microversions {
  /** The word in `OpenStack-API-Version: WORD 2.79`. */
  name: string
  /** An older header of the same meaning. */
  legacy?: string
  min: string
  max: string
}

/** Which version the client asked for; none asked means the oldest. */
export function negotiate(m: Microversions, headers: Headers): number {
  const min = parseVersion(m.min), max = parseVersion(m.max)
  const asked = (headers.get('openstack-api-version') ?? '').split(',').map((s) => s.trim().split(/\s+/))
    .find(([word]) => word === m.name)?.[1] ?? (m.legacy ? headers.get(m.legacy)?.trim() : undefined)
  if (!asked) return min
  if (asked === 'latest') return max
  const version = parseVersion(asked)
  if (version < min || version > max) {
    throw new Fault('version', `Version ${asked} is not supported by the API. Minimum is ${m.min} and maximum is ${m.max}.`)
  }
  return version
}

/** What every answer says about the version it was given in. */
export function versionHeaders(m: Microversions, version: number, headers: Headers) {
  headers.set('openstack-api-version', `${m.name} ${showVersion(version)}`)
  if (m.legacy) headers.set(m.legacy, showVersion(version))
  headers.append('vary', m.legacy ? `OpenStack-API-Version, ${m.legacy}` : 'OpenStack-API-Version')
}

/** The entry of a map keyed by first versions that holds at `version`. */
export function atVersion<T>(map: Record<string, T>, version: number): T | undefined {
  let best: T | undefined, at = -1
  for (const [first, value] of Object.entries(map)) {
    const n = parseVersion(first)
    if (n <= version && n > at) { best = value; at = n }
  }
  return best
}
