import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { JWK } from 'jose'
import { Refused, passing } from './cloud.ts'
import { logged } from './fault.ts'
import { call } from './http.ts'
import type { Log } from './log.ts'
import { backoff, pause } from './pause.ts'
import { newKey, publicKey, signer, type Signer } from './sign.ts'

interface Kept { name: string; key: JWK; host?: string }
export interface Enrolment { cloud: string; token?: string; name: string; file: string; log: Log; signal?: AbortSignal }

/** The host's identity: read from its file, or made by redeeming the token once. The private key never leaves the file. */
export async function identity(of: Enrolment): Promise<Signer> {
  const kept = await read(of.file)
  if (kept?.host) return signer(kept.host, kept.key)
  if (!of.token) throw new Error(`host ${of.name} is not enrolled yet: start it once with --enroll TOKEN`)
  // The key is kept before it is told: killed in between, the same key asks again.
  const fresh: Kept = kept ?? { name: of.name, key: await newKey() }
  await keep(of.file, fresh)
  const { host, name } = await redeem(of, fresh.key)
  await keep(of.file, { ...fresh, name, host })
  of.log('enrolled', { host, name })
  return signer(host, fresh.key)
}

async function redeem(of: Enrolment, key: JWK): Promise<{ host: string; name: string }> {
  const url = new URL(`${of.cloud.replace(/\/+$/, '')}/hosts/enroll`)
  const body = JSON.stringify({ token: of.token, name: of.name, publicKey: publicKey(key) })
  for (let failures = 0; ; failures++) {
    of.signal?.throwIfAborted()
    try {
      const answer = await call({ method: 'POST', url, body, headers: { 'content-type': 'application/json' }, signal: of.signal, timeoutMs: 30_000 })
      if (answer.status === 201 || answer.status === 200) return JSON.parse(answer.body.toString())
      throw new Refused(answer.status, 'enrolment', answer.body.subarray(0, 300).toString())
    } catch (error) {
      if (!passing(error) || (error instanceof Refused && error.status === 401)) throw error
      of.log('enrolment failed, trying again', { name: of.name, error: logged(error) })
      await pause(backoff(failures), of.signal)
    }
  }
}

async function read(file: string): Promise<Kept | undefined> {
  const text = await readFile(file, 'utf8').catch((error) => { if (error.code === 'ENOENT') return undefined; throw error })
  return text === undefined ? undefined : JSON.parse(text)
}

async function keep(file: string, kept: Kept): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(`${file}.new`, JSON.stringify(kept), { mode: 0o600, flush: true })
  await chmod(`${file}.new`, 0o600)
  await rename(`${file}.new`, file)
}
