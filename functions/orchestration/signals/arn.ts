import type { Ctx } from '../../kernel/ctx.ts'
import { regionOf } from '../engine/place.ts'
import { signalUrl } from './url.ts'

/** The address of a resource's signals in the Query API's form: its ARN in the path, and the same signature as in the native one's. */
export async function waitUrl(ctx: Ctx, s: { id: string; name: string; project: string; createdAt: number }, row: { id: string; createdAt: number }): Promise<string> {
  const [, search] = (await signalUrl(ctx, s, row)).split('?'), base = (ctx.env.PUBLIC_URL ?? ctx.origin).replace(/\/$/, '')
  return `${base}/cloudformation/v1/waitcondition/${encodeURIComponent(`arn:aws:cloudformation:${regionOf(ctx)}:${s.project}:stack/${s.name}/${s.id}/resource/${row.id}`)}?${search}`
}
export function rowOfArn(text: string): { project: string; stack: string; row: string } | undefined {
  const m = /^arn:aws:cloudformation:[\w-]*:([\w-]+):stack\/[^/]+\/([^/]+)\/resource\/([^/]+)$/.exec(text)
  return m ? { project: m[1], stack: m[2], row: m[3] } : undefined
}
/** The same of a whole address. */
export function rowOfUrl(text: string) {
  const m = /\/waitcondition\/([^/?]+)/.exec(text)
  try { return m ? rowOfArn(decodeURIComponent(m[1])) : undefined } catch { return undefined }
}
