import type { Service } from './kernel/service.ts'

/** The services by their first path segment, each loaded with its first request. */
export const services: Record<string, () => Promise<{ default: Service }>> = {
  identity: () => import('./identity/index.ts'),
  image: () => import('./image/index.ts'),
  compute: () => import('./compute/index.ts'),
  placement: () => import('./placement/index.ts'),
  network: () => import('./network/index.ts'),
  volume: () => import('./volume/index.ts'),
  ec2: () => import('./ec2/index.ts'),
  sts: () => import('./sts/index.ts'),
  iam: () => import('./iam/index.ts'),
  ssm: () => import('./ssm/index.ts'),
  cloudformation: () => import('./cloudformation/index.ts'),
  orchestration: () => import('./orchestration/index.ts'),
  console: () => import('./console/index.ts'),
  hosts: () => import('./hosts/index.ts'),
}
