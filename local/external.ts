import { readJson, writeJson, type Layout } from './layout.ts'
import type { Options } from './options.ts'

export interface S3 { url: string; accessKey: string; secretKey: string; bucket: string; region?: string; publicUrl?: string }
export interface Libsql { url: string; token?: string }
/** Stores that others run, in place of those this cloud would start itself. */
export interface External { s3?: S3; libsql?: Libsql }

const file = (at: Layout) => at.in('stores.json')
export const keptStores = (at: Layout) => readJson<External>(file(at)) ?? {}
/** In a file only its owner may read: there are keys in it. */
export const keepStores = (at: Layout, stores: External) => writeJson(file(at), stores)

/**
 * What is named now, else what an earlier start was told; `local` is the cloud's own again. Keys come from the environment
 * by the names the functions know them by, and go with the URL they were given for: no other server is ever sent them.
 */
export function external(options: Pick<Options, 's3Url' | 'libsqlUrl'>, kept: External, env: NodeJS.ProcessEnv = process.env): External {
  const { s3Url, libsqlUrl } = options
  return {
    s3: s3Url === undefined ? kept.s3 : s3Url === 'local' ? undefined : s3(s3Url, kept.s3?.url === s3Url ? kept.s3 : undefined, env),
    libsql: libsqlUrl === undefined ? kept.libsql : libsqlUrl === 'local' ? undefined : { url: libsqlUrl, token: env.LIBSQL_TOKEN || (kept.libsql?.url === libsqlUrl ? kept.libsql.token : undefined) },
  }
}

function s3(url: string, kept: S3 | undefined, env: NodeJS.ProcessEnv): S3 {
  const accessKey = env.S3_ACCESS_KEY || kept?.accessKey, secretKey = env.S3_SECRET_KEY || kept?.secretKey
  if (!accessKey || !secretKey) throw new Error(`the object store at ${url} needs keys: set S3_ACCESS_KEY and S3_SECRET_KEY in the environment`)
  return { url, accessKey, secretKey, bucket: env.S3_BUCKET || kept?.bucket || 'virga', region: env.REGION_S3 || kept?.region, publicUrl: env.S3_PUBLIC_URL || kept?.publicUrl }
}
