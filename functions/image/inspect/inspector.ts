import { formatOf, refuse, type Format } from './format.ts'
import { vdi, vhd, vhdx } from './others.ts'
import { qcow2 } from './qcow2.ts'
import { vmdk } from './vmdk.ts'

/** What a header tells. */
export interface Facts {
  virtualSize: number
  /** A later part of the file that must be looked at too. */
  region?: { offset: number; length: number; then: (bytes: Uint8Array) => Facts }
  /** Said of the whole once its size is known. */
  whole?: (size: number) => void
}

/** Enough for every header there is. */
const HEAD = 0x40000
const parsers: Partial<Record<Format, (head: Uint8Array) => Facts>> = { qcow2, vmdk, vdi, vhdx, vhd }
/** What a disk format's content must look like. */
const expected: Record<string, Format[]> = {
  raw: ['raw'], ami: ['raw'], ari: ['raw'], aki: ['raw'], qcow2: ['qcow2'], vmdk: ['vmdk'], vhd: ['vhd', 'raw'], vhdx: ['vhdx'], vdi: ['vdi'], iso: ['iso'], ploop: ['ploop'],
}

/**
 * Looks at an image while it streams by: the head, at most one region that the head names, and the last sector. Memory and
 * work are bounded whatever the file claims. Throws as soon as it knows, so that a wrong upload ends early.
 */
export class Inspector {
  private head: Uint8Array<ArrayBufferLike> = new Uint8Array(HEAD)
  private filled = 0
  private seen = 0
  private tail: Uint8Array<ArrayBufferLike> = new Uint8Array(0)
  private facts?: Facts
  private region?: Uint8Array
  private readonly declared: string

  constructor(declared: string) { this.declared = declared }

  feed(chunk: Uint8Array) {
    if (this.filled < HEAD) {
      const take = chunk.subarray(0, HEAD - this.filled)
      this.head.set(take, this.filled)
      this.filled += take.length
      if (this.filled === HEAD) this.look()
    }
    const r = this.facts?.region
    if (r) this.keep(r.offset, r.length, chunk)
    this.seen += chunk.length
    this.tail = chunk.length >= 512 ? chunk.slice(-512) : joined(this.tail, chunk)
  }

  /** The region's bytes that lie in this chunk; it starts at `this.seen`. */
  private keep(offset: number, length: number, chunk: Uint8Array) {
    this.region ??= fromHead(this.head, offset, length)
    const from = Math.max(offset, this.seen), to = Math.min(offset + length, this.seen + chunk.length)
    if (from < to) this.region.set(chunk.subarray(from - this.seen, to - this.seen), from - offset)
  }

  private look() {
    this.head = this.head.subarray(0, this.filled)
    const found = formatOf(this.head)
    const wanted = expected[this.declared]
    if (!wanted) throw refuse(`disk format ${this.declared} is not known`)
    if (found === 'vmdk-descriptor') throw refuse('a VMDK descriptor names files of another machine')
    if (!wanted.includes(found)) throw refuse(`the image is declared ${this.declared}, but its content is ${found}`)
    this.facts = found === 'raw' || found === 'iso' || found === 'ploop' ? { virtualSize: 0 } : parsers[found]?.(this.head) ?? { virtualSize: 0 }
  }

  /** The virtual size of the disk within; 400 when the content is not what was declared or not to be trusted. */
  finish(): number {
    if (!this.facts) this.look()
    let facts = this.facts!
    if (facts.region) facts = facts.region.then(this.seen >= facts.region.offset + facts.region.length && this.region ? this.region : new Uint8Array(0))
    if (this.declared === 'vhd' && formatOf(this.head) === 'raw') {
      if (formatOf(this.tail) !== 'vhd') throw refuse('the image is declared vhd, but its content is raw')
      facts = vhd(this.tail)
    }
    facts.whole?.(this.seen)
    return facts.virtualSize || this.seen
  }
}

function joined(a: Uint8Array, b: Uint8Array) {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all.slice(-512)
}

function fromHead(head: Uint8Array, offset: number, length: number) {
  const kept = new Uint8Array(length)
  kept.set(head.subarray(offset, offset + length))
  return kept
}
