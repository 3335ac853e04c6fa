import { Type as t } from 'typebox'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Json, Parameter, Template } from '../../orchestration/template/index.ts'
import { changeSetNamed, contentOf } from '../changesets/find.ts'
import { findStack, validation } from '../find.ts'
import { action } from '../service.ts'
import { parameters, stackName, templates } from '../shapes.ts'
import { bodyOf, capabilitiesOf, needed, parametersOf, templateOf, understood } from '../template.ts'

export const get = action('GetTemplate', {
  policy: 'cloudformation:GetTemplate', summary: 'Read the template of a stack or change set', input: shape({ StackName: t.Optional(stackName), ChangeSetName: t.Optional(stackName), TemplateStage: t.Optional(t.Enum(['Original', 'Processed'])) }),
  async handle(ctx, i) {
    let body: string | undefined
    if (i.ChangeSetName) { const { set, stack } = await changeSetNamed(ctx, i.ChangeSetName, i.StackName); body = (await contentOf(ctx, set)).source.body as string | undefined ?? await templateOf(ctx, stack) }
    else {
      if (!i.StackName) throw validation('StackName must be specified.')
      const s = await findStack(ctx, i.StackName, { gone: true })
      body = await templateOf(ctx, s)
      // One that is only being looked at has none yet.
      body ??= ''
    }
    return { TemplateBody: body, StagesAvailable: ['Original', 'Processed'] }
  },
})

const shownDefault = (p: Parameter) => (p.default === undefined || p.default === null ? undefined : p.hidden ? '****' : Array.isArray(p.default) ? p.default.join(',') : typeof p.default === 'object' ? JSON.stringify(p.default) : String(p.default))
const known = (t: Template) => { const { capabilities, reason } = capabilitiesOf(t); return { Capabilities: capabilities, CapabilitiesReason: reason, DeclaredTransforms: t.transforms } }

export const validateTemplate = action('ValidateTemplate', {
  policy: 'cloudformation:ValidateTemplate', summary: 'Check a template', input: shape(templates),
  async handle(ctx, i) {
    const { template } = await understood(ctx, await needed(ctx, i))
    return { Parameters: [...template.parameters.values()].map((p) => ({ ParameterKey: p.name, DefaultValue: shownDefault(p), NoEcho: p.hidden, Description: p.description })), Description: template.description || undefined, ...known(template) }
  },
})

async function anyTemplate(ctx: Ctx, i: { TemplateBody?: string; TemplateURL?: string; StackName?: string }): Promise<string> {
  const body = await bodyOf(ctx, i)
  if (i.StackName && body !== undefined) throw validation('Specify exactly one of TemplateBody, TemplateURL and StackName.')
  const found = i.StackName ? await templateOf(ctx, await findStack(ctx, i.StackName)) : body
  if (found === undefined) throw validation('Either StackName, TemplateBody or TemplateURL must be specified.')
  return found
}
export const summary = action('GetTemplateSummary', {
  policy: 'cloudformation:GetTemplateSummary', summary: 'What a template takes and makes',
  input: shape({ ...templates, StackName: t.Optional(stackName), StackSetName: t.Optional(t.String()), CallAs: t.Optional(t.Enum(['SELF', 'DELEGATED_ADMIN'])), TemplateSummaryConfig: t.Optional(shape({ TreatUnrecognizedResourceTypesAsWarnings: t.Optional(t.Boolean()) })) }),
  async handle(ctx, i) {
    if (i.StackSetName) throw validation('Stack sets are not supported.')
    const lenient = i.TemplateSummaryConfig?.TreatUnrecognizedResourceTypesAsWarnings
    const program = await understood(ctx, await anyTemplate(ctx, i), { types: !lenient }), { template } = program
    const { typeFor } = await import('../../orchestration/types/resolve.ts'), kinds = [...new Set([...template.resources.values()].map((r) => r.type))]
    const strange = lenient ? (await Promise.all(kinds.map(async (k) => ((await typeFor(k, program.environment, program.files, '')) ? [] : [k])))).flat() : []
    const constraints = (p: Parameter) => { const c = p.constraints.find((x) => x.kind === 'allowed_values'); return c?.kind === 'allowed_values' ? { AllowedValues: c.values.map(String) } : undefined }
    return {
      Parameters: [...template.parameters.values()].map((p) => ({ ParameterKey: p.name, DefaultValue: shownDefault(p), ParameterType: p.declared, NoEcho: p.hidden, Description: p.description, ParameterConstraints: constraints(p) ?? {} })), Description: template.description || undefined, ResourceTypes: kinds.filter((k) => !strange.includes(k)),
      Version: template.dialect.version.split('.').at(-1), Metadata: template.metadata && typeof template.metadata === 'object' && Object.keys(template.metadata).length ? JSON.stringify(template.metadata) : undefined, ...known(template),
      ResourceIdentifierSummaries: [], ...(lenient ? { Warnings: { UnrecognizedResourceTypes: strange } } : {}),
    }
  },
})

export const estimate = action('EstimateTemplateCost', {
  policy: 'cloudformation:EstimateTemplateCost', summary: 'Where to read what a template would cost: on a cloud of one\'s own, nothing is charged', input: shape({ ...templates, Parameters: parameters }),
  async handle(ctx, i) {
    await understood(ctx, await needed(ctx, i), { given: parametersOf(i, false).given as Record<string, Json> })
    return { Url: `${(ctx.env.PUBLIC_URL ?? ctx.origin).replace(/\/$/, '')}/cloudformation/v1/` }
  },
})
