import { createHash } from 'node:crypto'
import { invalid } from '../../kernel/fault.ts'
import { certify } from './certificate.ts'

const bytes = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
const base64 = (b: Uint8Array) => { let s = ''; for (const x of b) s += String.fromCharCode(x); return btoa(s) }
const colons = (hex: string) => hex.match(/../g)!.join(':')
const pem = (label: string, der: Uint8Array) => `-----BEGIN ${label}-----\n${base64(der).match(/.{1,64}/g)!.join('\n')}\n-----END ${label}-----\n`

const kinds = /^(ssh-rsa|ssh-dss|ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/
const refused = (why: string) => invalid(`Keypair data is invalid: failed to generate fingerprint: ${why}`)

/** The MD5 fingerprint of an OpenSSH public key, after a look inside that it is one. */
export function fingerprintOf(publicKey: string): string {
  const [kind, data] = publicKey.trim().split(/\s+/)
  if (publicKey.length > 16384) throw refused('it is too long')
  if (!kinds.test(kind ?? '') || !data) throw refused('it is not an OpenSSH public key')
  let blob: Uint8Array
  try { blob = bytes(data) } catch { throw refused('it is not base64') }
  const parts: Uint8Array[] = []
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) throw refused('it is cut off')
    const length = new DataView(blob.buffer, at).getUint32(0)
    if (at + 4 + length > blob.length) throw refused('it is cut off')
    parts.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  if (parts.length < 2 || new TextDecoder().decode(parts[0]) !== kind) throw refused('what it says it is and what it is differ')
  return colons(createHash('md5').update(blob).digest('hex'))
}

/** SHA-1 of a certificate's bytes. */
export function certificateFingerprint(text: string): string {
  const m = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/.exec(text)
  if (!m) throw refused('it is not a PEM certificate')
  try { return colons(createHash('sha1').update(bytes(m[1].replace(/\s/g, ''))).digest('hex')) } catch { throw refused('it is not base64') }
}

const rsa = () => crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify']) as Promise<CryptoKeyPair>
export async function generateCertificate(user: string, now: number, serial: Uint8Array): Promise<{ privateKey: string; publicKey: string }> {
  const pair = await rsa()
  return { privateKey: pem('PRIVATE KEY', new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey) as ArrayBuffer)), publicKey: pem('CERTIFICATE', await certify(pair, user, now, serial)) }
}
/** A new RSA key: the private half as ssh and every SDK take it (PKCS#1), the public half as OpenSSH has it. */
export async function generateKey(): Promise<{ privateKey: string; publicKey: string }> {
  const pair = await rsa()
  const [pkcs8, jwk] = await Promise.all([crypto.subtle.exportKey('pkcs8', pair.privateKey) as Promise<ArrayBuffer>, crypto.subtle.exportKey('jwk', pair.publicKey) as Promise<JsonWebKey>])
  const number = (text: string) => { const b = bytes(text.replaceAll('-', '+').replaceAll('_', '/')); return b[0] & 0x80 ? Uint8Array.from([0, ...b]) : b }
  const framed = (b: Uint8Array) => [b.length >>> 24, (b.length >>> 16) & 255, (b.length >>> 8) & 255, b.length & 255, ...b]
  const blob = Uint8Array.from([...framed(new TextEncoder().encode('ssh-rsa')), ...framed(number(jwk.e!)), ...framed(number(jwk.n!))])
  return { privateKey: pem('RSA PRIVATE KEY', innerKey(new Uint8Array(pkcs8))), publicKey: `ssh-rsa ${base64(blob)} Generated-by-Virga` }
}

/** PKCS#8 wraps PKCS#1: SEQUENCE { version, algorithm, OCTET STRING { the key } }. */
function innerKey(der: Uint8Array): Uint8Array {
  const head = (at: number) => {
    const first = der[at + 1]
    if (first < 0x80) return { length: first, body: at + 2 }
    let length = 0
    for (let i = 0; i < (first & 0x7f); i++) length = length * 256 + der[at + 2 + i]
    return { length, body: at + 2 + (first & 0x7f) }
  }
  let at = head(0).body
  for (let skipped = 0; skipped < 2; skipped++) { const h = head(at); at = h.body + h.length }
  const octets = head(at)
  return der.slice(octets.body, octets.body + octets.length)
}
