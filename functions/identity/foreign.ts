import { createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'

/**
 * Hashes that came with users of another cloud: bcrypt, bcrypt over SHA-256, and PBKDF2, all as passlib writes them. (scrypt's are of our
 * own form, with another cost.) Their kind is all of them that says what checking one costs.
 */
const KINDS = [/^\$2[aby]\$\d\d\$/, /^\$bcrypt-sha256\$v=2,t=2b,r=\d+\$/, /^\$pbkdf2-sha512\$\d+\$/, /^\$scrypt\$ln=\d+,r=\d+,p=\d+\$/]
export const kindOf = (hash: string): string | undefined => KINDS.map((k) => k.exec(hash)?.[0]).find(Boolean)

/** A hash of that kind which is nobody's. */
export const nobodys = (kind: string) => kind + (kind.startsWith('$2') ? 'K9TvDtFbbc56GJ.pPovKcu'.padEnd(53, '.') : kind.startsWith('$bcrypt-sha256') ? `K9TvDtFbbc56GJ.pPovKcu$${'.'.repeat(31)}`
  : kind.startsWith('$pbkdf2') ? `NaaUMiakNEYoxbiXMkaotQ$${'.'.repeat(86)}` : `${'A'.repeat(22)}$${'A'.repeat(43)}`)

const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

/** Undefined when it is none of these. */
export async function matchesForeign(password: string, hash: string): Promise<boolean | undefined> {
  if (KINDS[0].test(hash)) return (await import('bcryptjs')).compare(password, hash)
  const b = /^\$bcrypt-sha256\$v=2,t=2b,r=(\d+)\$([\w./]{22})\$([\w./]{31})$/.exec(hash)
  if (b) {
    const { hash: bcrypt } = await import('bcryptjs'), keyed = createHmac('sha256', b[2]).update(password).digest('base64'), head = `$2b$${b[1].padStart(2, '0')}$${b[2]}`
    return same(await bcrypt(keyed, head), head + b[3])
  }
  const m = /^\$pbkdf2-sha512\$(\d+)\$([\w./+]+)\$([\w./+]+)$/.exec(hash)
  if (!m) return undefined
  const bytes = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64'), wanted = bytes(m[3])
  const got = await new Promise<Buffer>((resolve, reject) => pbkdf2(password, bytes(m[2]), Number(m[1]), wanted.length, 'sha512', (e, key) => (e ? reject(e) : resolve(key))))
  return timingSafeEqual(got, wanted)
}
