import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose'

/** Who a host is: its id, and the key only it has. */
export interface Signer { host: string; key: CryptoKey; /** Seconds the control plane's clock is ahead of ours. */ ahead: number }

export async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  return exportJWK(privateKey)
}

export const publicKey = ({ kty, crv, x }: JWK) => ({ kty, crv, x })

export async function signer(host: string, jwk: JWK): Promise<Signer> {
  return { host, key: await importJWK(jwk, 'EdDSA') as CryptoKey, ahead: 0 }
}

/** A fresh signature for exactly this call; it lives a minute and its `jti` is accepted once. */
export function sign({ host, key, ahead }: Signer, method: string, target: string, body: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000) + ahead
  return new SignJWT({ htm: method, htu: target, bd: createHash('sha256').update(body).digest('base64url') })
    .setProtectedHeader({ alg: 'EdDSA', kid: host })
    .setIssuer(host).setIssuedAt(now).setExpirationTime(now + 60).setJti(randomUUID())
    .sign(key)
}
