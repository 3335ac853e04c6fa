import type { Ctx } from '../../kernel/ctx.ts'
import { parametersQuery, pick } from '../../ssm/parameters.ts'
import type { ParameterHooks, Scope } from '../template/index.ts'

/** What templates name by the parameter store: parameters of type AWS::SSM::Parameter::Value, and dynamic references. */
export const storeHooks = (ctx: Ctx, project: string): ParameterHooks => ({ ssm: (name) => stored(ctx, project, name) })

async function stored(ctx: Ctx, project: string, name: string): Promise<string | undefined> {
  const [rows] = await ctx.read(parametersQuery(project, [name])), row = pick(rows, name)
  return row && row.type !== 'SecureString' ? row.value : undefined
}
/** `{{resolve:ssm:NAME}}`, `{{resolve:ssm:NAME:3}}`. Secure strings would lie readable among the properties, so they are not looked up. */
export const dynamics = (ctx: Ctx, project: string): Pick<Scope, 'dynamic'> => ({
  dynamic: async (service, reference) => (service === 'ssm' ? stored(ctx, project, reference) : undefined),
})
