import { invalid } from '../../kernel/fault.ts'
import { TemplateFault } from '../template/fault.ts'
import { resolve, UNKNOWN, type Value } from '../template/index.ts'
import type { ResourceType } from '../types/provider.ts'
import { unavailable } from '../types/absent.ts'
import { typeFor } from '../types/resolve.ts'
import { RESOURCES } from './limits.ts'
import { checked, resolving, type About } from './properties.ts'
import { masked, scopeOf, type Program, type Rows } from './program.ts'

export interface Sighted { name: string; type: ResourceType; properties: Record<string, Value> }

/** Every resource judged by its type, before any is made: what is not known yet passes. */
export const validate = (program: Program, o: Looking = {}): Promise<Sighted[]> => masked(program.secrets, () => look(program, o))
const known = (about: About, work: () => Value): Value => { try { return work() } catch (e) { return resolving(about, e) } }
/** `loose`: properties may be wrong, templates may not. */
interface Looking { loose?: boolean; caller?: { admin: boolean }; rows?: Rows; also?: Parameters<typeof scopeOf>[2] }
async function look(program: Program, o: Looking): Promise<Sighted[]> {
  const { template, graph, place } = program, out: Sighted[] = []
  if (graph.order.length > RESOURCES) throw invalid(`Maximum resources per stack exceeded (${RESOURCES}).`, { type: 'RequestLimitExceeded' })
  const all = scopeOf(program, o.rows ?? new Map(), { imported: () => UNKNOWN, zones: () => UNKNOWN, dynamic: () => UNKNOWN, ...o.also })
  // What nobody asked a resource for before is not noted down yet.
  const scope: typeof all = { ...all, attribute: (name, attribute, path) => { const v = all.attribute?.(name, attribute, path); return v === undefined ? UNKNOWN : v } }
  for (const name of graph.order) {
    const def = template.resources.get(name)!, at = template.dialect.language === 'cfn' ? ['Resources', name, 'Properties'] : ['resources', name, 'properties']
    const type = await typeFor(def.type, program.environment, program.files, name)
    if (!type) throw new TemplateFault(place.front === 'aws' ? `Template format error: Unrecognized resource types: [${def.type}]` : unavailable(def.type) ?? `The Resource Type (${def.type}) could not be found.`, { path: at.slice(0, -1), line: template.lineOf(at.slice(0, -1)), type: place.front === 'aws' ? 'ValidationError' : unavailable(def.type) ? 'ResourceTypeUnavailable' : 'EntityNotFound', front: place.front })
    const about = { name, front: place.front, lineOf: template.lineOf, region: place.region }
    let properties: Record<string, Value> = {}
    try { properties = checked(type, known(about, () => resolve(def.properties ?? {}, scope, at)), about) } catch (e) { if (!o.loose || !(e instanceof TemplateFault)) throw e }
    for (const ref of program.wanted.get(name) ?? []) {
      if (ref !== 'show' && !Object.hasOwn(type.attributes, ref) && !type.attributes['*'] && !Object.hasOwn(type.attributes, ref.split('.')[0])) throw new TemplateFault(place.front === 'aws' ? `Template error: resource ${name} does not support attribute type ${ref} in Fn::GetAtt` : `The Referenced Attribute (${name} ${ref}) is incorrect.`, { type: place.front === 'aws' ? 'ValidationError' : 'InvalidTemplateAttribute', front: place.front })
    }
    out.push({ name, type, properties })
  }
  return out
}
