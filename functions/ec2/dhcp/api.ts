import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { ec2DhcpOptions, ec2VpcOptions } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import { shape } from '../../aws/front.ts'
import { q } from '../../kernel/db.ts'
import { one, toNetwork } from '../call.ts'
import { after, describe } from '../describe.ts'
import { idOf } from '../ids.ts'
import { write } from '../service.ts'
import { list, TagSpecifications, text } from '../shapes.ts'
import { keepTags, shown, tagsFor } from '../tags/keep.ts'
import { dependency, subnetsOf } from '../vpcs/api.ts'
import { domain, nameServers, optionsOf, theOptions, type Options } from './find.ts'

const KEYS = ['domain-name-servers', 'domain-name']
const view = (o: Options) => ({ dhcpOptionsId: idOf('dhcp-options', o.id), ownerId: o.project, dhcpConfigurationSet: o.options.map((x) => ({ key: x.key, valueSet: x.values.map((value) => ({ value })) })), tagSet: [] as { key: string; value: string }[] })

export default [
  write('CreateDhcpOptions', {
    summary: 'Say what guests are told by DHCP', input: { DhcpConfigurations: t.Array(shape({ Key: text, Values: list(text, 'Value', 4) }), { wire: 'DhcpConfiguration', minItems: 1, maxItems: 10 }), TagSpecifications },
    handle(ctx, i) {
      const tags = tagsFor(i.TagSpecifications, 'dhcp-options'), options = i.DhcpConfigurations.map((x) => ({ key: x.Key, values: (x.Values ?? []).flatMap((v) => v.split(',').map((s) => s.trim())) }))
      for (const { key, values } of options) {
        if (!KEYS.includes(key)) throw awsFault(['ntp-servers', 'netbios-name-servers', 'netbios-node-type', 'ipv6-address-preferred-lease-time'].includes(key) ? 'UnsupportedOperation' : 'InvalidParameterValue', `Value (${key.slice(0, 80)}) for parameter dhcpConfiguration is not one of ${KEYS.join(', ')}.`)
        if (!values.length || (key === 'domain-name' && values.length > 1)) throw awsFault('InvalidParameterValue', `Invalid value for ${key}.`)
        if (key === 'domain-name-servers') for (const v of values) if (v !== 'AmazonProvidedDNS' && !/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]+:[0-9a-f:]*)$/i.test(v)) throw awsFault('InvalidParameterValue', `Value (${v.slice(0, 80)}) for value is invalid. Invalid IP address.`)
        if (key === 'domain-name' && !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i.test(values[0])) throw awsFault('InvalidParameterValue', `Value (${values[0].slice(0, 80)}) for value is invalid. Invalid domain name.`)
      }
      const row: Options = { id: ctx.uuid(), project: ctx.project, options, createdAt: ctx.now() }
      ctx.stage(q.insert(ec2DhcpOptions).values(row))
      keepTags(ctx, 'dhcp-options', row.id, tags)
      ctx.about(row.id)
      return { dhcpOptions: { ...view(row), tagSet: shown(tags) } }
    },
  }),
  write('DeleteDhcpOptions', {
    summary: 'Delete DHCP options', input: { DhcpOptionsId: text },
    async handle(ctx, i) {
      const o = await theOptions(ctx, i.DhcpOptionsId), [used] = await ctx.read(q.select().from(ec2VpcOptions).where(eq(ec2VpcOptions.options, o.id)).limit(1))
      if (used.length) throw dependency(i.DhcpOptionsId, 'dhcpOptions')
      ctx.stage(q.delete(ec2DhcpOptions).where(eq(ec2DhcpOptions.id, o.id)))
    },
  }),
  write('AssociateDhcpOptions', {
    summary: 'Give a VPC its DHCP options, or the default ones back', input: { DhcpOptionsId: text, VpcId: text },
    async handle(ctx, i) {
      const o = i.DhcpOptionsId === 'default' ? undefined : await theOptions(ctx, i.DhcpOptionsId), vpc = await one(ctx, 'vpc', i.VpcId)
      for (const s of await subnetsOf(ctx, [vpc.id])) await toNetwork(ctx, 'PUT', `/subnets/${s.id}`, { subnet: { dns_nameservers: nameServers(o).filter((a) => a.includes(':') === (s.ip_version === 6)) } })
      await toNetwork(ctx, 'PUT', `/networks/${vpc.id}`, { network: { dns_domain: domain(o) } })
      if (o) ctx.stage(q.insert(ec2VpcOptions).values({ vpc: vpc.id, options: o.id }).onConflictDoUpdate({ target: ec2VpcOptions.vpc, set: { options: o.id } }))
      else ctx.stage(q.delete(ec2VpcOptions).where(eq(ec2VpcOptions.vpc, vpc.id)))
    },
  }),
  describe<Options, ReturnType<typeof view>>('DescribeDhcpOptions', {
    summary: 'Describe DHCP options', noun: 'dhcp-options', ids: ['DhcpOptionsIds', 'DhcpOptionsId'], set: 'dhcpOptionsSet',
    rows: async (ctx, asked) => after(await optionsOf(ctx), asked), some: async (ctx, uuids) => (await optionsOf(ctx)).filter((o) => uuids.includes(o.id)), view: (_, rows) => rows.map(view),
    filters: { 'dhcp-options-id': (o) => o.dhcpOptionsId, 'owner-id': (o) => o.ownerId, key: (o) => o.dhcpConfigurationSet.map((c) => c.key), value: (o) => o.dhcpConfigurationSet.flatMap((c) => c.valueSet.map((v) => v.value)) },
  }),
]
