import type { Work } from '../../provider.ts'

export const COMPUTE = { service: 'compute' } as const
export const act = (r: Work, path: string, body: unknown, version?: string) => r.call({ ...COMPUTE, version, method: 'POST', path: `${path}/action`, body })
/** What is in one list and not in the other. */
export const less = <T>(a: T[], b: T[]) => a.filter((x) => !b.includes(x))
/** As the API keeps it: text. */
export const texts = (m: Record<string, unknown> | undefined | null): Record<string, string> => Object.fromEntries(Object.entries(m ?? {}).filter(([, v]) => v !== null).map(([k, v]) => [k, typeof v === 'string' ? v : JSON.stringify(v)]))
