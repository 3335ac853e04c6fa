import Value from 'typebox/value'
import type { TSchema } from 'typebox'
import { invalid, tooLarge } from './fault.ts'

/** The whole body as text, or 413 beyond the limit, whatever the length header says. */
export async function readText(request: Request, limit: number): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(`Request body is too large: at most ${limit} bytes are taken.`)
  if (!request.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(`Request body is too large: at most ${limit} bytes are taken.`)
    chunks.push(chunk)
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const c of chunks) { whole.set(c, at); at += c.byteLength }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(whole)
  } catch {
    throw invalid('Malformed request body: it is not UTF-8.')
  }
}

export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('Malformed request body: it is not valid JSON.')
  }
  // Only an escape can bring in what is no text.
  if (/\\u(0000|d[89a-f])/i.test(text)) onlyText(value)
  return value
}

/** A NUL or half a character can be stored nowhere, in a name or in a value. */
function onlyText(value: unknown) {
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) throw invalid('Malformed request body: a text has a NUL character or an incomplete one.')
  if (value && typeof value === 'object') for (const [k, v] of Object.entries(value)) { onlyText(k); onlyText(v) }
}

/** 400 that names the first field that is wrong, and why. */
export function check(schema: TSchema, value: unknown) {
  if (Value.Check(schema, value)) return
  const meant = branch(schema, value)
  if (meant) return check(meant, value)
  const errors = [...Value.Errors(schema, value)] as { keyword: string; instancePath: string; message: string; params: Record<string, unknown> }[]
  const extra = errors.find((e) => e.keyword === 'additionalProperties')
  const missing = errors.find((e) => e.keyword === 'required')
  // The deepest complaint says most; a union's own "must match anyOf" says least.
  const depth = (e: { instancePath: string; keyword: string }) => e.instancePath.split('/').length - (e.keyword === 'anyOf' || e.keyword === 'boolean' ? 10 : 0)
  const worst = [...errors].sort((a, b) => depth(b) - depth(a))[0]
  const chosen = extra && (!worst || worst.keyword === 'boolean' || depth(worst) <= depth(extra) + 1) ? extra : missing ?? worst
  throw invalid(describe(chosen, value))
}

/** Of several kinds of body, the one that was meant: the complaint is about that one alone. */
function branch(schema: TSchema, value: unknown): TSchema | undefined {
  const { anyOf } = schema as { anyOf?: (TSchema & { required?: string[] })[] }
  if (!anyOf || !value || typeof value !== 'object') return undefined
  return anyOf.find((s) => s.required?.length && s.required.every((k) => k in value))
}

function describe(e: { keyword: string; instancePath: string; message: string; params: Record<string, unknown> } | undefined, value: unknown) {
  if (!e) return 'Invalid request body.'
  const path = e.instancePath.split('/').slice(1).map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'))
  const at = path.reduce<unknown>((v, k) => (v as Record<string, unknown> | undefined)?.[k], value)
  const name = path.join('.') || 'body'
  if (e.keyword === 'additionalProperties') {
    const names = (e.params.additionalProperties as string[]).map((n) => `'${n}'`).join(', ')
    return `Additional properties are not allowed (${names} was unexpected) in ${name}.`
  }
  if (e.keyword === 'required') return `Invalid input for field/attribute ${name}. ${(e.params.requiredProperties as string[] | undefined)?.map((n) => `'${n}'`).join(', ') ?? ''} is a required property.`
  return `Invalid input for field/attribute ${name}. Value: ${preview(at)}. It ${e.message}.`
}

const preview = (v: unknown) => {
  const text = typeof v === 'string' ? v : JSON.stringify(v) ?? 'null'
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
