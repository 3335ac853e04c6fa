import { randomBytes } from 'node:crypto'
import { readJson, writeJson, type Layout } from './layout.ts'

/** Made once per cloud, kept in secrets.json, which only the owner may read. */
export interface Secrets {
  master: string
  internal: string
  libsqlToken: string
  s3AccessKey: string
  s3SecretKey: string
  adminPassword: string
  demoPassword: string
}

export function secrets(at: Layout): Secrets {
  const file = at.in('secrets.json')
  const kept = readJson<Partial<Secrets>>(file) ?? {}
  const fresh: Secrets = {
    master: secret(32), internal: secret(32), libsqlToken: secret(32),
    s3AccessKey: `VIRGA${randomBytes(8).toString('hex').toUpperCase()}`, s3SecretKey: secret(30),
    adminPassword: secret(12), demoPassword: secret(12),
  }
  const all = { ...fresh, ...kept }
  if (JSON.stringify(all) !== JSON.stringify(kept)) writeJson(file, all)
  return all
}

// hex: needs no quoting in any shell, URL or YAML it will be pasted into
const secret = (bytes: number) => randomBytes(bytes).toString('hex')
