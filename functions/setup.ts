import { seedCompute } from './compute/seed.ts'
import { seedIdentity } from './identity/seed.ts'
import { type Basis, unit } from './kernel/ctx.ts'
import { seedNetwork } from './network/seed.ts'
import { seedVolume } from './volume/seed.ts'

export interface Setup { adminPassword: string; demoPassword: string; publicUrl: string; region: string; externalCidr: string }

/** What a new cloud starts with, made once: running it again changes nothing that is there. Each part is a unit of its own. */
export async function setup(basis: Basis, ring: (host: string) => Promise<unknown>, input: unknown) {
  const asked = input as Setup
  const { out: who } = await unit(basis, (ctx) => seedIdentity(ctx, asked), ring)
  await unit(basis, (ctx) => seedCompute(ctx), ring)
  await unit(basis, (ctx) => seedVolume(ctx), ring)
  await unit(basis, (ctx) => seedNetwork(ctx, { project: who.demo.project, adminProject: who.admin.project, externalCidr: asked.externalCidr }), ring)
  return who
}
