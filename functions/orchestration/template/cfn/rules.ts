import type { Source } from '../parse.ts'
import { isMap } from '../python.ts'
import { sectionOf, type Section } from '../sections.ts'
import type { Json, RuleDefinition } from '../types.ts'

export function readRules(source: Source): Map<string, RuleDefinition> {
  const { fault } = source
  const out = new Map<string, RuleDefinition>()
  for (const [name, value] of Object.entries(sectionOf(source, 'Rules'))) {
    const here = ['Rules', name]
    if (!isMap(value)) throw fault('Template format error: Every Rules member must be an object.', here)
    const data = value as Section
    const unknown = Object.keys(data).find((key) => key !== 'RuleCondition' && key !== 'Assertions')
    if (unknown) throw fault(`Template format error: Invalid rule property '${unknown}'`, [...here, unknown])
    if (!Array.isArray(data.Assertions) || !data.Assertions.length) throw fault('Template format error: Every Rules object must contain an Assertions member.', here)
    out.set(name, {
      name, ...data.RuleCondition !== undefined && { condition: data.RuleCondition },
      assertions: data.Assertions.map((item, i) => {
        if (!isMap(item) || !Object.hasOwn(item, 'Assert')) throw fault('Template format error: Every Assertions member must contain an Assert object.', [...here, 'Assertions', i])
        const one = item as Section
        return { assert: one.Assert as Json, ...typeof one.AssertDescription === 'string' && { description: one.AssertDescription } }
      }),
    })
  }
  return out
}
