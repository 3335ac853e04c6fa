import type { Ctx } from '../kernel/ctx.ts'
import { validation } from './find.ts'
import { storedText } from './template.ts'

/** A stack policy: which resources an update may touch. Denied unless allowed; a denial counts for more. */
interface Statement { Effect: 'Allow' | 'Deny'; Action?: string | string[]; NotAction?: string | string[]; Resource?: string | string[]; NotResource?: string | string[]; Condition?: { StringEquals?: { ResourceType?: string | string[] }; StringLike?: { ResourceType?: string | string[] } } }
export interface Policy { Statement: Statement[] }
export type Touch = 'Update:Modify' | 'Update:Replace' | 'Update:Delete'

export async function readPolicy(ctx: Ctx, i: { StackPolicyBody?: string; StackPolicyURL?: string }): Promise<Policy | undefined> {
  if (i.StackPolicyBody !== undefined && i.StackPolicyURL !== undefined) throw validation('You cannot specify both StackPolicyBody and StackPolicyURL.')
  const text = i.StackPolicyURL === undefined ? i.StackPolicyBody : await storedText(ctx, i.StackPolicyURL, 'StackPolicyURL', 16_384)
  return text === undefined ? undefined : parsePolicy(text)
}

export function parsePolicy(text: string): Policy {
  const bad = (why: string) => validation(`Error validating stack policy: ${why}`)
  let found: any
  try { found = JSON.parse(text) } catch { throw bad('it is not valid JSON') }
  const list = Array.isArray(found?.Statement) ? found.Statement : found?.Statement && typeof found.Statement === 'object' ? [found.Statement] : undefined
  if (!list) throw bad('a Statement is required')
  const words = (v: unknown) => v === undefined || typeof v === 'string' || (Array.isArray(v) && v.every((x) => typeof x === 'string'))
  for (const s of list) {
    if (s?.Effect !== 'Allow' && s?.Effect !== 'Deny') throw bad("Effect must be 'Allow' or 'Deny'")
    if ((s.Action === undefined) === (s.NotAction === undefined) || ![s.Action, s.NotAction, s.Resource, s.NotResource].every(words)) throw bad('a statement has one of Action and NotAction, and Resources by name')
    if ((s.Resource === undefined) === (s.NotResource === undefined) && !s.Condition) throw bad('a statement has one of Resource and NotResource, or a Condition on ResourceType')
    if (s.Principal !== undefined && s.Principal !== '*') throw bad("Principal must be '*'")
    for (const a of [s.Action ?? s.NotAction].flat() as string[]) if (!/^(\*|Update:(\*|Modify|Replace|Delete))$/.test(a)) throw bad(`unknown action ${a}`)
    for (const [op, v] of Object.entries(s.Condition ?? {})) if (!/^String(Equals|Like)$/.test(op) || !words((v as any)?.ResourceType)) throw bad(`unknown condition ${op}`)
  }
  return { ...found, Statement: list }
}

/** `*` stands for any text: compared piece by piece, in linear time. */
function like(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return pattern === text
  if (!text.startsWith(parts[0]) || !text.endsWith(parts.at(-1)!)) return false
  let at = parts[0].length
  for (const p of parts.slice(1, -1)) { const k = text.indexOf(p, at); if (k < 0) return false; at = k + p.length }
  return at <= text.length - parts.at(-1)!.length
}
const any = (list: string | string[] | undefined, text: string) => [list ?? []].flat().some((p) => like(p, text))

export function allowed(policy: Policy, what: Touch, resource: { name: string; type: string }): boolean {
  const applies = (s: Statement) => (s.Action !== undefined ? any(s.Action, what) : !any(s.NotAction, what))
    && (s.Resource !== undefined ? any(s.Resource, `LogicalResourceId/${resource.name}`) : s.NotResource !== undefined ? !any(s.NotResource, `LogicalResourceId/${resource.name}`) : true)
    && (!s.Condition || [s.Condition.StringEquals, s.Condition.StringLike].every((c) => !c || any(c.ResourceType, resource.type)))
  const hits = policy.Statement.filter(applies)
  return hits.some((s) => s.Effect === 'Allow') && !hits.some((s) => s.Effect === 'Deny')
}
