import { awsFault } from '../../aws/faults.ts'
import { regionOf } from '../../aws/arn.ts'
import { compute, network } from '../call.ts'
import { matcher } from '../filters.ts'
import { read } from '../service.ts'
import { Filters, flag, names } from '../shapes.ts'

export default [
  read('DescribeRegions', {
    summary: 'Describe regions', input: { RegionNames: names('RegionName'), AllRegions: flag, Filters },
    handle(ctx, i) {
      const home = regionOf(ctx), region = { regionName: home, regionEndpoint: `${new URL(ctx.origin).host}/ec2`, optInStatus: 'opt-in-not-required' }
      for (const name of i.RegionNames ?? []) if (name !== home) throw awsFault('InvalidParameterValue', `Invalid region '${name.slice(0, 80)}'.`)
      return { regionInfo: [region].filter(matcher({ 'region-name': (r) => r.regionName, endpoint: (r) => r.regionEndpoint, 'opt-in-status': (r) => r.optInStatus }, i.Filters)) }
    },
  }),
  read('DescribeAvailabilityZones', {
    summary: 'Describe availability zones', input: { ZoneNames: names('ZoneName'), ZoneIds: names('ZoneId'), AllAvailabilityZones: flag, Filters },
    async handle(ctx, i) {
      const { availabilityZoneInfo } = await compute(ctx, '/os-availability-zone'), home = regionOf(ctx)
      const zones = (availabilityZoneInfo as any[]).map((z) => ({ zoneName: z.zoneName as string, zoneId: z.zoneName as string, zoneState: z.zoneState.available ? 'available' : 'unavailable', regionName: home, messageSet: [], optInStatus: 'opt-in-not-required', groupName: home, networkBorderGroup: home, zoneType: 'availability-zone' }))
      const asked = [...i.ZoneNames ?? [], ...i.ZoneIds ?? []]
      for (const name of asked) if (!zones.some((z) => z.zoneName === name)) throw awsFault('InvalidParameterValue', `Invalid availability zone: [${name.slice(0, 80)}]`)
      const fits = matcher<(typeof zones)[number]>({ 'zone-name': (z) => z.zoneName, 'zone-id': (z) => z.zoneId, state: (z) => z.zoneState, 'region-name': (z) => z.regionName, message: (z) => z.messageSet, 'opt-in-status': (z) => z.optInStatus, 'group-name': (z) => z.groupName, 'zone-type': (z) => z.zoneType }, i.Filters)
      return { availabilityZoneInfo: zones.filter((z) => (!asked.length || asked.includes(z.zoneName)) && fits(z)) }
    },
  }),
  read('DescribeAccountAttributes', {
    summary: 'What the account may have', input: { AttributeNames: names('AttributeName') },
    async handle(ctx, i) {
      const [{ limits }, { quota }] = await Promise.all([compute(ctx, '/limits'), network(ctx, `/quotas/${ctx.project}`)])
      const all: Record<string, unknown> = { 'supported-platforms': 'VPC', 'default-vpc': 'none', 'max-instances': limits.absolute.maxTotalInstances, 'max-elastic-ips': quota.floatingip, 'vpc-max-elastic-ips': quota.floatingip, 'vpc-max-security-groups-per-interface': quota.security_group }
      for (const name of i.AttributeNames ?? []) if (!Object.hasOwn(all, name)) throw awsFault('InvalidParameterValue', `Value (${name.slice(0, 80)}) for parameter attributeName is invalid.`)
      return { accountAttributeSet: Object.entries(all).filter(([name]) => !i.AttributeNames?.length || i.AttributeNames.includes(name)).map(([attributeName, v]) => ({ attributeName, attributeValueSet: [{ attributeValue: v }] })) }
    },
  }),
]
