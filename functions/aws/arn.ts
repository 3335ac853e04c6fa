import type { Ctx } from '../kernel/ctx.ts'

/** Names of resources as AWS's clients know them; the account is the project. */
export const regionOf = (ctx: Ctx) => ctx.env.REGION ?? 'RegionOne'
export const arn = (ctx: Ctx, service: string, resource: string, o: { account?: string; region?: string } = {}) => `arn:aws:${service}:${o.region ?? regionOf(ctx)}:${o.account ?? ctx.project}:${resource}`
/** The parts of one, or nothing when the text is none. */
export function arnParts(text: string): { service: string; region: string; account: string; resource: string } | undefined {
  const m = /^arn:aws:([\w-]+):([\w-]*):([\w-]*):(.+)$/.exec(text)
  return m ? { service: m[1], region: m[2], account: m[3], resource: m[4] } : undefined
}
