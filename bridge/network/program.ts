/**
 * The two small programs that trunks need, as object files for `tc`: one leads tagged frames of a guest to the devices
 * of its sub-ports, one tags what comes back. They need neither the kernel's VLAN devices nor a compiler.
 */
const instruction = (op: number, dst: number, src: number, off: number, imm: number) => {
  const b = Buffer.alloc(8)
  b.writeUInt8(op, 0)
  b.writeUInt8(src << 4 | dst, 1)
  b.writeInt16LE(off, 2)
  b.writeInt32LE(imm, 4)
  return b
}
const move = (dst: number, src: number) => instruction(0xbf, dst, src, 0, 0)
const set = (dst: number, value: number) => instruction(0xb7, dst, 0, 0, value)
const load = (dst: number, src: number, off: number) => instruction(0x61, dst, src, off, 0)
const call = (helper: number) => instruction(0x85, 0, 0, 0, helper)
const exit = instruction(0x95, 0, 0, 0, 0)
/** Where the packet's tag is in what the kernel shows of it; and the helpers' numbers. */
const present = 20, tci = 24
const push = 18, pop = 19, redirect = 23
const next = -1, drop = 2

/** Frames with one of these tags lose it and go to its device; all others pass on. */
export function untag(devices: { vlan: number; ifindex: number }[]): Buffer {
  const head = [move(6, 1), load(7, 6, present), set(0, next), instruction(0x55, 7, 0, 1, 0), exit, load(7, 6, tci), instruction(0x57, 7, 0, 0, 0xfff)]
  // Each device's part is skipped as a whole when the tag is another.
  const parts = devices.flatMap(({ vlan, ifindex }) => {
    const body = [move(1, 6), call(pop), instruction(0x15, 0, 0, 2, 0), set(0, drop), exit, set(1, ifindex), set(2, 0), call(redirect), exit]
    return [instruction(0x55, 7, 0, body.length, vlan), ...body]
  })
  return object(Buffer.concat([...head, ...parts, set(0, next), exit]))
}

/** All frames get the tag and go to the device. */
export const retag = (vlan: number, ifindex: number): Buffer => object(Buffer.concat([
  // The protocol is given as it is on the wire.
  move(6, 1), set(2, 0x0081), set(3, vlan), call(push), instruction(0x15, 0, 0, 2, 0), set(0, drop), exit,
  set(1, ifindex), set(2, 0), call(redirect), exit]))

export const section = 'classifier'

/** A relocatable ELF file with one function in one section. */
function object(code: Buffer): Buffer {
  const names = ['', '.strtab', '.symtab', section, 'license', 'run'], strings = Buffer.from(names.map((n) => `${n}\0`).join(''))
  const at = (name: string) => { let n = 0; for (const x of names) { if (x === name) return n; n += x.length + 1 } return 0 }
  const symbol = Buffer.alloc(48)
  symbol.writeUInt32LE(at('run'), 24)
  symbol.writeUInt8(0x12, 28)
  symbol.writeUInt16LE(3, 30)
  symbol.writeBigUInt64LE(BigInt(code.length), 40)
  const bodies = [Buffer.alloc(0), strings, symbol, code, Buffer.from('GPL\0')], kinds = [0, 3, 2, 1, 1], flags = [0, 0, 0, 6, 3], aligns = [0, 1, 8, 8, 1]
  const offsets: number[] = []
  let end = 64
  const padded = bodies.map((b) => { offsets.push(end); const p = Buffer.concat([b, Buffer.alloc((8 - b.length % 8) % 8)]); end += p.length; return p })
  const head = Buffer.alloc(64)
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(head)
  head.writeUInt16LE(1, 16)
  head.writeUInt16LE(247, 18)
  head.writeUInt32LE(1, 20)
  head.writeBigUInt64LE(BigInt(end), 40)
  head.writeUInt16LE(64, 52)
  head.writeUInt16LE(64, 58)
  head.writeUInt16LE(bodies.length, 60)
  head.writeUInt16LE(1, 62)
  const table = bodies.map((b, i) => {
    const s = Buffer.alloc(64)
    if (!i) return s
    s.writeUInt32LE(at(names[i]!), 0)
    s.writeUInt32LE(kinds[i]!, 4)
    s.writeBigUInt64LE(BigInt(flags[i]!), 8)
    s.writeBigUInt64LE(BigInt(offsets[i]!), 24)
    s.writeBigUInt64LE(BigInt(b.length), 32)
    if (kinds[i] === 2) { s.writeUInt32LE(1, 40); s.writeUInt32LE(1, 44); s.writeBigUInt64LE(24n, 56) }
    s.writeBigUInt64LE(BigInt(aligns[i]!), 48)
    return s
  })
  return Buffer.concat([head, ...padded, ...table])
}
