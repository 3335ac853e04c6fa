import { invalid } from '../../../../kernel/fault.ts'
import { live, map, resourceType, list, text } from '../../provider.ts'
import { templateData } from './launch.ts'
import { tag, unused } from './pieces.ts'

export default resourceType({
  name: 'AWS::EC2::LaunchTemplate', description: 'What instances are launched with, kept under a name. A change is a new version; the latest is kept.', support: { status: 'SUPPORTED' },
  properties: { LaunchTemplateName: text({ constraints: [{ kind: 'length', min: 3, max: 128 }] }), LaunchTemplateData: { ...templateData, required: true, ...live }, VersionDescription: text(live), TagSpecifications: unused(list(map({ ResourceType: text(), Tags: list(tag) }))) },
  attributes: {
    LaunchTemplateId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, LatestVersionNumber: { type: 'String', own: true, of: (_, r) => String(r.resource.data.latest) }, DefaultVersionNumber: { type: 'String', own: true, of: () => '1' },
  },
  create(r) {
    if (!Object.keys(r.properties.LaunchTemplateData ?? {}).length) throw invalid('LaunchTemplateData has to say something.')
    return { id: `lt-${r.resource.id.replaceAll('-', '').slice(0, 17)}`, data: { name: r.properties.LaunchTemplateName ?? r.uniqueName(128), latest: 1 } }
  },
  update: (r) => ({ data: { ...r.resource.data, latest: Number(r.resource.data.latest ?? 1) + 1 } }),
  show: (r) => ({ id: r.resource.physicalId, ...r.resource.data }),
})
