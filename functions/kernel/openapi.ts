import type { Endpoint } from './endpoint.ts'
import { statusOf } from './fault.ts'
import type { Service } from './service.ts'

/** One service as OpenAPI 3.1. Schemas are JSON Schema already; versions of a body ride along as an extension. */
export function documentOf(s: Service) {
  const paths: Record<string, Record<string, unknown>> = {}
  const prefix = `${s.mount}${s.prefixes[0]}`
  for (const e of [...s.endpoints].sort((a, b) => (a.path + a.id < b.path + b.id ? -1 : 1))) {
    const at = paths[`${prefix}${e.path}`] ??= {}
    const method = e.method.toLowerCase(), media = e.key ? s.protocol?.media : undefined
    // One path and method, many actions: the first is the operation, the others ride beside it by key.
    if (at[method]) ((at[method] as Record<string, unknown>)['x-actions'] ??= []) && ((at[method] as { 'x-actions': unknown[] })['x-actions']).push(operation(e, media))
    else at[method] = operation(e, media)
  }
  return {
    openapi: '3.1.0',
    info: { title: `Virga ${s.name}`, version: s.microversions?.max ?? s.prefixes[0].replace(/^\/v?/, '') ?? '1' },
    ...(s.microversions ? { 'x-microversions': { min: s.microversions.min, max: s.microversions.max } } : {}),
    paths,
  }
}

function operation(e: Endpoint, media = 'application/json') {
  const bodies = Object.entries(e.body ?? {})
  return {
    operationId: e.id, summary: e.summary, 'x-policy': e.policy,
    ...(e.key ? { 'x-key': e.key } : {}), ...(e.since ? { 'x-since': e.since } : {}), ...(e.until ? { 'x-until': e.until } : {}),
    parameters: [...e.path.matchAll(/\{(\w+)\}/g)].map((m) => ({ name: m[1], in: 'path', required: true, schema: { type: 'string' } })),
    ...(bodies.length ? {
      requestBody: { required: !e.bodyOptional, content: { [media]: { schema: bodies.at(-1)![1] } } },
      ...(bodies.length > 1 ? { 'x-body-versions': Object.fromEntries(bodies) } : {}),
    } : {}),
    responses: { [e.status]: { description: 'success' }, default: { description: `a failure in this API's own words (${[...new Set(Object.values(statusOf))].sort().join(', ')})` } },
  }
}
