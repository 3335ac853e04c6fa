import { duplexPair, type Duplex } from 'node:stream'

/** What a guest that is not there shows: a serial line that tells how it booted and says back what it hears. */
export function line(told: string): Duplex {
  const [guest, person] = duplexPair()
  guest.write(told.replaceAll('\n', '\r\n'))
  guest.pipe(guest)
  return person
}

const width = 160, height = 100
/** And a screen, black, by RFC 6143: version 3.8, no password, raw pixels in whatever format is asked for. */
export function picture(name: string): Duplex {
  const [guest, person] = duplexPair()
  show(guest, `${name} (simulated)`).catch(() => {}).finally(() => guest.destroy())
  return person
}

/** Bytes a message of the person's has after its first; for those with a length of their own, what tells it, and how. */
const messages: Record<number, { size: number; more?: (head: Buffer) => number }> = {
  0: { size: 19 }, 2: { size: 3, more: (head) => head.readUInt16BE(1) * 4 }, 3: { size: 9 }, 4: { size: 7 }, 5: { size: 5 }, 6: { size: 7, more: (head) => head.readUInt32BE(3) },
}

async function show(guest: Duplex, name: string) {
  const chunks = guest[Symbol.asyncIterator]()
  let have = Buffer.alloc(0)
  const take = async (size: number) => {
    if (size > 1 << 20) throw new Error('too much to say')
    while (have.length < size) {
      const { value, done } = await chunks.next()
      if (done) throw new Error('gone')
      have = Buffer.concat([have, value])
    }
    const out = have.subarray(0, size)
    have = have.subarray(size)
    return out
  }
  guest.write('RFB 003.008\n')
  await take(12)
  guest.write(Buffer.from([1, 1]))
  await take(1)
  guest.write(Buffer.alloc(4))
  await take(1)
  const head = Buffer.alloc(24)
  head.writeUInt16BE(width, 0)
  head.writeUInt16BE(height, 2)
  // 32 bits a pixel, 24 of them colour, little-endian, true colour; red, green and blue at 16, 8 and 0.
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]).copy(head, 4)
  const title = Buffer.from(name.slice(0, 90))
  head.writeUInt32BE(title.length, 20)
  guest.write(Buffer.concat([head, title]))
  for (let bytes = 4; ;) {
    const [kind] = await take(1), known = messages[kind]
    if (!known) return
    const said = await take(known.size)
    if (known.more) await take(known.more(said))
    if (kind === 0) bytes = said[3] / 8
    // Nothing ever changes here: only who asks for the whole is answered.
    if (kind === 3 && said[0] === 0) {
      const update = Buffer.alloc(16 + width * height * bytes)
      update.writeUInt16BE(1, 2)
      update.writeUInt16BE(width, 8)
      update.writeUInt16BE(height, 10)
      guest.write(update)
    }
  }
}
