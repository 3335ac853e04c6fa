import { invalid } from '../../../../kernel/fault.ts'
import type { Json } from '../../../template/index.ts'
import { oneOf, resourceType, text, type Progress, type Work } from '../../provider.ts'

export interface Signal { status: string; reason: string; data: Json }
export const SIGNALS = 1000

/** What was heard, under the id each signal gives itself or the next number; the last word of an id counts. */
export function hear(r: Work, details: Json, words: { id: string; status: string; reason: string; data: string }): Progress & { says: string } {
  const d = details === null || details === '' ? {} : details
  if (typeof d !== 'object' || Array.isArray(d)) throw invalid('Malformed signal: a map is expected.', { type: 'ValueError' })
  const known = Object.values(words), odd = Object.keys(d).find((k) => !known.includes(k))
  if (odd !== undefined) throw invalid(`Malformed metadata: unknown key ${odd}`, { type: 'ValueError' })
  const signals = { ...r.resource.data.signals } as Record<string, Signal>, n = Object.keys(signals).length + 1
  if (n > SIGNALS) throw invalid(`A handle takes at most ${SIGNALS} signals.`)
  const id = String(d[words.id] ?? n), status = String(d[words.status] ?? 'SUCCESS'), reason = String(d[words.reason] ?? `Signal ${n} received`).slice(0, 4096)
  if (status !== 'SUCCESS' && status !== 'FAILURE') throw invalid(`Invalid status ${status}: it must be SUCCESS or FAILURE.`, { type: 'ValueError' })
  signals[id.slice(0, 255)] = { status, reason, data: d[words.data] ?? null }
  return { data: { ...r.resource.data, signals }, says: `status:${status} reason:${reason}` }
}

const kinds = ['CFN_SIGNAL', 'TEMP_URL_SIGNAL', 'HEAT_SIGNAL', 'NO_SIGNAL', 'ZAQAR_SIGNAL', 'TOKEN_SIGNAL']
export default resourceType({
  name: 'OS::Heat::WaitConditionHandle', description: 'An address that guests signal.', support: { status: 'SUPPORTED', version: '2014.2' },
  properties: { signal_transport: text({ default: 'TOKEN_SIGNAL', ...oneOf(...kinds) }) },
  attributes: {
    // The address carries its own proof: no other token is needed, and none is given out.
    token: { type: 'String', own: true, of: () => '' },
    endpoint: { type: 'String', own: true, of: (_, r) => r.resource.data.url },
    curl_cli: { type: 'String', own: true, of: (_, r) => `curl -i -X POST -H 'Content-Type: application/json' -H 'Accept: application/json' '${r.resource.data.url}'` },
    signal: { type: 'String', own: true, of: (_, r) => JSON.stringify({ alarm_url: r.resource.data.url }) },
  },
  async create(r) { return { id: r.uniqueName(), data: { signals: {}, url: await r.signalUrl() } } },
  ref: (r) => r.resource.id,
  signal: (r, details) => hear(r, details, { id: 'id', status: 'status', reason: 'reason', data: 'data' }),
})
