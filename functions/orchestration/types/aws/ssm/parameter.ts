import { parametersQuery, putParameter, removeParameters } from '../../../../ssm/parameters.ts'
import { live, map, oneOf, resourceType, text, type Work } from '../../provider.ts'
import { unused } from '../ec2/pieces.ts'
import { inside } from '../inside.ts'

async function set(r: Work, name: string, overwrite: boolean) {
  const p = r.properties, ctx = inside(r), [before] = await ctx.read(parametersQuery(ctx.project, [name]))
  await putParameter(ctx, { name, value: p.Value, type: p.Type, description: p.Description, dataType: p.DataType, tier: p.Tier, overwrite, ...(overwrite ? {} : { tags: p.Tags }) }, before)
  return { id: name, data: { name } }
}

export default resourceType({
  name: 'AWS::SSM::Parameter', description: 'A named value of the project.', support: { status: 'SUPPORTED' },
  properties: {
    Name: text(), Type: text({ required: true, ...oneOf('String', 'StringList') }), Value: text({ required: true, ...live }), Description: text(live), DataType: text({ ...live, ...oneOf('text', 'aws:ec2:image') }), Tier: text({ ...live, ...oneOf('Standard', 'Advanced', 'Intelligent-Tiering') }), Tags: map(undefined, live),
    AllowedPattern: unused(text()), Policies: unused(text()),
  },
  attributes: { Type: { type: 'String', own: true, of: (_, r) => r.properties.Type }, Value: { type: 'String', own: true, of: (_, r) => r.properties.Value } },
  create: (r) => set(r, r.properties.Name ?? r.uniqueName(), false),
  update: (r) => set(r, r.resource.physicalId!, true),
  async show(r) {
    const ctx = inside(r), [rows] = await ctx.read(parametersQuery(ctx.project, [r.resource.physicalId!]))
    return { name: r.resource.physicalId, version: rows.at(-1)?.version }
  },
  remove(r) { if (r.resource.physicalId) removeParameters(inside(r), [r.resource.physicalId]) },
})
