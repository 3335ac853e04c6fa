import type { TestProject } from 'vitest/node'
import { serveStores } from './stores.ts'

declare module 'vitest' { interface ProvidedContext { control: string; s3: string } }

export default async function setup(project: TestProject) {
  const stores = await serveStores()
  project.provide('control', stores.control)
  // another S3 that knows the same keys
  project.provide('s3', process.env.VIRGA_TEST_S3 || stores.s3)
  return () => stores.close()
}
