/** A self-signed X.509 certificate for a user, as WinRM takes for logging in, and its private key: DER by hand, since no runtime makes one. */
const bytes = (...parts: (number[] | Uint8Array)[]) => Uint8Array.from(parts.flatMap((p) => [...p]))
function der(tag: number, ...content: (number[] | Uint8Array)[]): Uint8Array {
  const body = bytes(...content), n = body.length
  return bytes([tag], n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255], body)
}
const seq = (...c: Uint8Array[]) => der(0x30, ...c), set = (...c: Uint8Array[]) => der(0x31, ...c), utf8 = (s: string) => der(0x0c, new TextEncoder().encode(s))
function oid(text: string): Uint8Array {
  const [a, b, ...rest] = text.split('.').map(Number)
  const part = (n: number) => { const out = [n & 127]; for (n = Math.floor(n / 128); n; n = Math.floor(n / 128)) out.unshift((n & 127) | 128); return out }
  return der(0x06, [a * 40 + b, ...rest.flatMap(part)])
}
const time = (ms: number) => der(0x18, new TextEncoder().encode(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`))
const name = (cn: string) => seq(set(seq(oid('2.5.4.3'), utf8(cn))))
const rsaSha256 = seq(oid('1.2.840.113549.1.1.11'), bytes([0x05, 0x00]))

export async function certify(pair: CryptoKeyPair, user: string, now: number, serial: Uint8Array): Promise<Uint8Array> {
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey) as ArrayBuffer), who = name(user.slice(0, 64))
  // Whom it logs in: the user's principal name; what for: client authentication.
  const principal = seq(der(0xa0, oid('1.3.6.1.4.1.311.20.2.3'), der(0xa0, utf8(`${user}@localhost`))))
  const extensions = der(0xa3, seq(seq(oid('2.5.29.17'), der(0x04, principal)), seq(oid('2.5.29.37'), der(0x04, seq(oid('1.3.6.1.5.5.7.3.2'))))))
  const tbs = seq(der(0xa0, der(0x02, [2])), der(0x02, bytes([serial[0] & 0x7f || 1], serial.slice(1))), rsaSha256, who, seq(time(now - 60_000), time(now + 3650 * 86400_000)), who, spki, extensions)
  const signature = new Uint8Array(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', pair.privateKey, tbs as BufferSource))
  return seq(tbs, rsaSha256, der(0x03, [0], signature))
}
