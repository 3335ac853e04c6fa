import { live, oneOf, resourceType, text } from '../../provider.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { isKnown } from '../../../template/index.ts'

const kinds = ['string', 'number', 'comma_delimited_list', 'json', 'boolean']
/** As its `type` says, or as it comes. */
function typed(v: unknown, type: string | undefined): unknown {
  const no = () => invalid(`Value is not of type ${type}`, { type: 'StackValidationFailed' })
  switch (type) {
    case undefined: return v
    case 'string': return typeof v === 'string' ? v : typeof v === 'object' ? JSON.stringify(v) : String(v)
    case 'number': { const n = Number(v); if (typeof v === 'object' || v === '' || Number.isNaN(n)) throw no(); return n }
    case 'comma_delimited_list': if (Array.isArray(v)) return v; if (typeof v === 'string') return v === '' ? [] : v.split(',').map((x) => x.trim()); throw no()
    case 'json': if (v && typeof v === 'object') return v; try { return JSON.parse(String(v)) } catch { throw no() }
    default: { const w = String(v).toLowerCase(); if (['t', 'true', 'on', 'y', 'yes', '1'].includes(w)) return true; if (['f', 'false', 'off', 'n', 'no', '0'].includes(w)) return false; throw no() }
  }
}

export default resourceType({
  name: 'OS::Heat::Value', description: 'Carries a value to where it is referred to.', support: { status: 'SUPPORTED', version: '7.0.0' },
  properties: { type: text({ ...live, ...oneOf(...kinds) }), value: { type: 'any', required: true, ...live } },
  attributes: { value: { own: true, of: (_, r) => typed(r.properties.value, r.properties.type) } },
  validate(p) { if (p.value !== undefined && isKnown(p.value) && (p.type === undefined || typeof p.type === 'string')) typed(p.value, p.type as string | undefined) },
  create: (r) => ({ id: r.uniqueName() }), update: () => ({}),
})
