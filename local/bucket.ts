import { AwsClient } from 'aws4fetch'
import type { Secrets } from './secrets.ts'

export const bucket = 'virga'

/** Makes the bucket everything is kept in, unless it is there. */
export async function makeBucket(url: string, keys: Secrets): Promise<void> {
  const s3 = new AwsClient({ accessKeyId: keys.s3AccessKey, secretAccessKey: keys.s3SecretKey, service: 's3', region: 'us-east-1', retries: 0 })
  const there = await s3.fetch(`${url}/${bucket}`, { method: 'HEAD' })
  if (there.ok) return
  const made = await s3.fetch(`${url}/${bucket}`, { method: 'PUT' })
  if (!made.ok && made.status !== 409) throw new Error(`the object store did not make the bucket ${bucket}: ${made.status} ${(await made.text()).slice(0, 300)}`)
}
