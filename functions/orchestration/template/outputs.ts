import { holds } from './dependencies.ts'
import { Evaluator, NOTHING } from './evaluate.ts'
import { type Scope, type Template, type Value } from './types.ts'

export interface OutputValue { name: string, description?: string, value: Value, export?: Value }

/** Outputs with their values; those whose condition does not hold are left out. Lookups may take their time. */
export async function outputsOf(template: Template, scope: Scope): Promise<OutputValue[]> {
  const hot = template.dialect.language === 'hot'
  const evaluator = new Evaluator(scope, true)
  const section = hot ? 'outputs' : 'Outputs'
  for (;;) {
    const out: OutputValue[] = []
    for (const [name, output] of template.outputs) {
      if (!holds(output.condition, template, scope.conditions ?? {}, scope.parameters, [section, name, hot ? 'condition' : 'Condition'])) continue
      const value = evaluator.value(output.value, [section, name, hot ? 'value' : 'Value'])
      const exported = output.export === undefined ? undefined : evaluator.some(output.export, [section, name, 'Export', 'Name'])
      out.push({ name, ...output.description !== undefined && { description: output.description }, value: value === NOTHING ? null : value, ...exported !== undefined && { export: exported } })
    }
    if (!await evaluator.settle()) return out
  }
}

