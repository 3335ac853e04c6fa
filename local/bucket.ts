import { AwsClient } from 'aws4fetch'
import type { S3 } from './external.ts'

/** Makes the bucket everything is kept in, unless it is there. */
export async function makeBucket({ url, accessKey, secretKey, bucket, region }: S3): Promise<void> {
  const aws = new AwsClient({ accessKeyId: accessKey, secretAccessKey: secretKey, service: 's3', region: region ?? 'us-east-1', retries: 0 })
  const ask = (method: string) => aws.fetch(`${url}/${bucket}`, { method, signal: AbortSignal.timeout(30_000) }).catch((e: Error) => {
    throw new Error(`the object store at ${url} does not answer: ${(e.cause as Error | undefined)?.message || e.message}`)
  })
  if ((await ask('HEAD')).ok) return
  const made = await ask('PUT')
  if (!made.ok && made.status !== 409) throw new Error(`the object store at ${url} did not make the bucket ${bucket}: ${made.status} ${(await made.text()).slice(0, 300)}`)
  // 409 also says that the name is someone else's
  const mine = await ask('HEAD')
  if (!mine.ok) throw new Error(`the bucket ${bucket} at ${url} is there, but not for these keys (${mine.status}): name another in S3_BUCKET`)
}
