import { and, eq } from 'drizzle-orm'
import { stack, stackResource } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { propertiesOf } from '../../../engine/work.ts'
import type { Json } from '../../../template/index.ts'
import type { Work } from '../../provider.ts'

/** An instance as the launch configuration says, where the group says. */
export async function launched(r: Work): Promise<Json> {
  const { LaunchConfigurationName: name, AvailabilityZones: zones = [], VPCZoneIdentifier: subnets = [], Tags: tags = [] } = r.properties
  const [[found]] = await r.ctx.read(q.select({ row: stackResource }).from(stackResource).innerJoin(stack, eq(stack.id, stackResource.stack)).where(and(eq(stackResource.type, 'AWS::AutoScaling::LaunchConfiguration'), eq(stackResource.physicalId, name ?? ''), eq(stackResource.current, true), eq(stack.project, r.stack.project))))
  if (!found) throw invalid(`Launch configuration name not found - Launch configuration with name: ${name} does not exist`)
  const { InstanceId: _, ...p } = await propertiesOf(r.ctx, found.row)
  const properties = { ...p, ...(zones[0] && !subnets.length ? { AvailabilityZone: zones[0] } : {}), ...(subnets[0] ? { SubnetId: subnets[0] } : {}), ...(tags.length ? { Tags: tags.map(({ Key, Value }: { Key: string; Value: string }) => ({ Key, Value })) } : {}) }
  return { type: 'AWS::EC2::Instance', properties: Object.fromEntries(Object.entries(properties).filter(([, v]) => v !== null && v !== undefined && !(Array.isArray(v) && !v.length))) as Json }
}
/** The addresses of its instances. */
export const instanceList = (s: any) => Object.keys(s.resources).sort().map((n) => s.resources[n].physicalId).join(',')
