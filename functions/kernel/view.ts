import { parseVersion } from './version.ts'

type Shape<T> = (row: T) => Record<string, unknown>
export interface View<T> {
  /** From this version on, these members are added or replaced; a member set to `undefined` is gone. */
  since(version: string, shape: Shape<T>): View<T>
  at(version: number): (row: T) => Record<string, unknown>
}

/** How a row looks from outside, with its history: versions add, they do not branch. */
export function view<T>(base: Shape<T>): View<T> {
  const layers: { from: number; shape: Shape<T> }[] = []
  const self: View<T> = {
    since(version, shape) {
      layers.push({ from: parseVersion(version), shape })
      layers.sort((a, b) => a.from - b.from)
      return self
    },
    at(version) {
      const active = layers.filter((l) => l.from <= version)
      return (row) => {
        const out = base(row)
        for (const l of active) Object.assign(out, l.shape(row))
        for (const k in out) if (out[k] === undefined) delete out[k]
        return out
      }
    },
  }
  return self
}

/** 2026-11-21T10:05:14Z */
export const isoSeconds = (micros: number) => `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19)}Z`
/** 2026-11-21T10:05:14.000000, without a zone, as some services write it */
export const isoMicros = (micros: number) => `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19)}.${String(micros % 1_000_000).padStart(6, '0')}`
export const isoMicrosZ = (micros: number) => `${isoMicros(micros)}Z`
