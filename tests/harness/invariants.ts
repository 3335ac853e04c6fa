import { sql, type SQL } from 'drizzle-orm'
import ipaddr from 'ipaddr.js'
import { q, type Database, type Query } from '../../functions/kernel/db.ts'

/** What must hold whatever happened: a query that finds what breaks it, as one text column `what`. */
export interface Invariant {
  name: string
  find: SQL
  /** Holds only when nothing is being done: no saga alive, no job waiting. */
  quiet?: true
}

const live = (lane: string) => sql.raw(`exists (select 1 from saga g where g.lane = ${lane} and g.state in ('open','unwinding','stuck'))`)
/** An operator may write any status by hand; what follows from that is theirs. */
const notByHand = (id: string) => sql.raw(`not exists (select 1 from event e where e.resource = ${id} and (e.action like '%reset%' or e.action like '%update-status%'))`)

/** Every reference, as `child.column parent.column`: it resolves or is null (or, where a column says `''` for nothing, empty). */
const references = `
  subnet.network network.id · port.network network.id · address.port port.id · address.subnet subnet.id · address.network network.id
  security_group_rule.security_group security_group.id · security_group_rule.remote_group security_group.id
  port_security_group.port port.id · port_security_group.security_group security_group.id
  router.external_network network.id · router.gateway_port port.id · router.host host.id
  router_interface.router router.id · router_interface.port port.id · router_interface.subnet subnet.id
  bgpvpn_target.bgpvpn bgpvpn.id · bgpvpn_association.bgpvpn bgpvpn.id · bgpvpn_association.router router.id · bgpvpn_association.network network.id · bgpvpn_association.port port.id
  floating_ip.network network.id · floating_ip.own_port port.id · floating_ip.port port.id · floating_ip.router router.id · port.host host.id · port.arriving host.id · server.other_host host.id
  snapshot.volume volume.id · volume_backup.target volume.id · attachment.volume volume.id · volume.host host.id · volume.type volume_type.id · volume.group_id volume_group.id · volume_type_access.type volume_type.id
  server.host host.id · server.group_id server_group.id · server_guest.server server.id · aggregate_host.aggregate aggregate.id · aggregate_host.host host.id
  allocation.provider provider.id · inventory.provider provider.id · provider_usage.provider provider.id · placement_consumer.id allocation.consumer
  job.host host.id · job.saga saga.id · image_tag.image image.id · image_member.image image.id
`.split(/[·\n]/).map((r) => r.trim()).filter(Boolean).map((r) => r.split(' ').map((c) => c.split('.')))

const resolves = references.map(([[child, column], [parent, key]]) =>
  `select '${child}.${column} names ${parent} ' || c."${column}" as what from "${child}" c where c."${column}" is not null and c."${column}" <> '' and not exists (select 1 from "${parent}" p where p."${key}" = c."${column}")`)

/** Words that only a secret follows, and never stand in what many may read. */
const secrets = ['"adminPass":', '"admin_pass":', '"user_data":', '"userData":', '"password":', '"secret":', 'PRIVATE KEY', 'X-Amz-Signature', 'X-Subject-Token']
const readable = [['event', 'detail'], ['saga', 'args'], ['saga', 'log'], ['job', 'args'], ['job', 'result'], ['job', 'error'], ['server', 'fault'], ['volume_message', 'message']]

export const invariants: Invariant[] = [
  { name: 'a server is worked on exactly while it says so', find: sql`select 'server ' || id || ' ' || state || '/' || coalesce(task, '-') as what from server s where (task is not null) <> ${live('s.id')} and ${notByHand('s.id')}` },
  { name: 'a stack is in progress exactly while a turn of it is alive', find: sql`select 'stack ' || id || ' ' || action || '_' || status as what from stack s where action <> 'REVIEW' and (status = 'IN_PROGRESS') <> ${live('s.id')}` },
  { name: 'nodes belong to a turn that is alive, resources to a stack that is there', find: sql`select 'node ' || key || ' of ' || saga as what from saga_node n where not exists (select 1 from saga g where g.id = n.saga and g.state in ('open','unwinding')) union all select 'resource ' || id from stack_resource r where not exists (select 1 from stack s where s.id = r.stack and s.deleted_at is null)` },
  { name: 'a resource has one row in force, and an older one only while its stack changes', find: sql`select 'resource ' || r.name || ' of ' || r.stack as what from stack_resource r join stack s on s.id = r.stack where r.current = 0 and s.status = 'COMPLETE' and s.front = 'heat'` },
  { name: 'a server that is being built is being worked on', find: sql`select 'server ' || id as what from server s where state = 'building' and task is null and ${notByHand('s.id')}` },
  { name: 'ERROR says why, with the request', find: sql`select 'server ' || id as what from server s where state = 'error' and (coalesce(json_extract(fault, '$.message'), '') = '' or coalesce(json_extract(fault, '$.requestId'), '') not like 'req-%' or json_extract(fault, '$.code') is null) and ${notByHand('s.id')}` },
  { name: 'a server that runs has a host', find: sql`select 'server ' || id || ' ' || state as what from server where host is null and state not in ('error', 'shelved_offloaded', 'building') or (host is null and state = 'building' and task is null)` },
  { name: 'a volume in passing is being worked on', find: sql`select 'volume ' || id || ' ' || status as what from volume v where status in ('creating', 'deleting', 'extending', 'uploading', 'downloading', 'reverting', 'backing-up', 'restoring-backup') and not ${live('v.id')}
      and not exists (select 1 from attachment a where a.volume = v.id and ${live('a.server')}) and not exists (select 1 from saga g where g.state in ('open','unwinding','stuck') and instr(g.args, v.id) > 0) and ${notByHand('v.id')}` },
  { name: 'a snapshot in passing is being worked on', find: sql`select 'snapshot ' || id || ' ' || status as what from snapshot n where status in ('creating', 'deleting', 'backing-up') and not ${live('n.id')} and not exists (select 1 from saga g where g.state in ('open','unwinding','stuck') and instr(g.args, n.id) > 0) and ${notByHand('n.id')}` },
  { name: 'a backup in passing is being worked on', find: sql`select 'backup ' || id || ' ' || status as what from volume_backup b where (status = 'creating' and not ${live('b.id')}) or (status = 'restoring' and not ${live('b.target')}) and ${notByHand('b.id')}` },
  { name: 'a backup that is there has its bytes, and those it is a part of', find: sql`select 'backup ' || id || ' ' || status as what from volume_backup b where (status in ('available', 'restoring') and manifest is null) or (status = 'error' and coalesce(fail_reason, '') = '' and ${notByHand('b.id')}) or (parent is not null and not exists (select 1 from volume_backup p where p.id = b.parent and p.manifest is not null)) or exists (select 1 from discard d where d.key = 'backups/' || b.store and json_extract(b.manifest, '$.number') < d.objects)` },
  { name: 'a volume\'s status agrees with its attachment', find: sql`select 'volume ' || v.id || ' ' || v.status || ', attachment ' || coalesce(a.status, 'none') as what from volume v left join attachment a on a.volume = v.id
      where ((v.status = 'in-use' and coalesce(a.status, '') not in ('attached', 'detaching')) or (v.status in ('available', 'error', 'error_extending') and a.status = 'attached') or (v.status = 'available' and a.id is not null)
        or (v.attach_status = 'attached') <> (coalesce(a.status, '') in ('attached', 'detaching', 'error_detaching')) or (v.status in ('reserved', 'attaching', 'detaching') and a.id is null and not ${live('v.id')})) and ${notByHand('v.id')}` },
  { name: 'an attachment the compute service made is at a server', find: sql`select 'attachment ' || a.id || ' of volume ' || a.volume || ' at ' || coalesce(a.server, 'nothing') as what from attachment a where a.compute = 1 and not exists (select 1 from server s where s.id = a.server)` },
  { name: 'an attachment in passing is being worked on', find: sql`select 'attachment ' || a.id || ' ' || a.status || ' at ' || s.id || ' ' || s.state as what from attachment a join server s on s.id = a.server where a.compute = 1 and a.status in ('reserved', 'attaching', 'detaching') and s.state not in ('error', 'shelved_offloaded') and not ${live('s.id')} and not ${live('a.volume')}` },
  { name: 'an image in passing has an owner', find: sql`select 'image ' || id || ' ' || status as what from image i where status in ('saving', 'importing') and attempt is null and not exists (select 1 from saga g where g.state in ('open','unwinding','stuck') and instr(g.args, i.id) > 0)` },
  { name: 'only what is worked on has jobs', find: sql`select 'job ' || j.id || ' ' || j.kind || ' of a saga that is ' || g.state as what from job j join saga g on g.id = j.saga where j.state in ('queued', 'running') and g.state not in ('open', 'unwinding', 'stuck')` },
  { name: 'the usage of a host is the sum of its allocations', find: sql`select provider || ' ' || class || ': ' || used || ' kept, ' || real || ' counted' as what from (select u.provider, u.class, u.used, coalesce((select sum(a.used) from allocation a where a.provider = u.provider and a.class = u.class), 0) as real from provider_usage u) where used <> real` },
  { name: 'every allocation is counted', find: sql`select 'allocation of ' || consumer as what from allocation a where not exists (select 1 from provider_usage u where u.provider = a.provider and u.class = a.class)` },
  { name: 'no host is promised more than it has', find: sql`select u.provider || ' ' || u.class || ': ' || u.used || ' of ' || (i.total - i.reserved) * i.ratio as what from provider_usage u join inventory i on i.provider = u.provider and i.class = u.class where u.used > (i.total - i.reserved) * i.ratio` },
  { name: 'an allocation is a server\'s flavor', find: sql`select 'server ' || id || ': ' || vcpus || ' vcpus, ' || memory_mb || ' MB; held ' || v || ', ' || m as what from (
      select s.id, s.vcpus, s.memory_mb, coalesce((select sum(used) from allocation where consumer = s.id and provider = s.host and class = 'VCPU'), 0) as v, coalesce((select sum(used) from allocation where consumer = s.id and provider = s.host and class = 'MEMORY_MB'), 0) as m
      from server s where s.host is not null and s.other_host is null and s.state <> 'shelved_offloaded') where v <> vcpus or m <> memory_mb` },
  { name: 'no allocation without a server', find: sql`select 'allocation of ' || a.consumer || ' at ' || a.provider as what from allocation a join host h on h.id = a.provider join placement_consumer c on c.id = a.consumer
      where exists (select 1 from past_server p where p.id = c.id) or (exists (select 1 from server s where s.id = c.id and coalesce(s.host, '') <> a.provider and coalesce(s.other_host, '') <> a.provider and s.task is null))` },
  { name: 'an anti-affinity group never shares a host', find: sql`select 'group ' || g.id || ' has ' || count(*) || ' on ' || s.host as what from server_group g join server s on s.group_id = g.id where g.policy = 'anti-affinity' and s.host is not null group by g.id, s.host having count(*) > coalesce(g.max_per_host, 1)` },
  { name: 'an affinity group never parts', find: sql`select 'group ' || g.id || ' is on ' || count(distinct s.host) || ' hosts' as what from server_group g join server s on s.group_id = g.id where g.policy = 'affinity' and s.host is not null group by g.id having count(distinct s.host) > 1` },
  { name: 'a port made for a server goes with it', find: sql`select 'port ' || id || ' of ' || device as what from port p where owned_by_server = 1 and not exists (select 1 from server s where s.id = p.device)` },
  { name: 'a router\'s port has its router', find: sql`select 'port ' || id || ' of ' || device as what from port p where device_owner in ('network:router_interface', 'network:router_gateway') and not exists (select 1 from router r where r.id = p.device)` },
  { name: 'a floating IP\'s port has its floating IP', find: sql`select 'port ' || id || ' of ' || device as what from port p where device_owner = 'network:floatingip' and not exists (select 1 from floating_ip f where f.own_port = p.id)` },
  { name: 'an address has one owner, on its own network', find: sql`select 'address ' || a.address || ' of port ' || a.port as what from address a join port p on p.id = a.port join subnet s on s.id = a.subnet where p.network <> a.network or s.network <> a.network` },
  { name: 'a network gives an address once', find: sql`select network || ' gives ' || address || ' to ' || count(*) as what from address group by network, address having count(*) > 1` },
  { name: 'every server that came or went is in the timeline', find: sql`select 'server ' || id || ' came' as what from server s where not exists (select 1 from event e where e.resource = s.id and e.action = 'compute.instance.create.start')
      union all select 'server ' || id || ' went' from past_server s where (select count(*) from event e where e.resource = s.id and e.action = 'compute.instance.delete.end') <> 1` },
  { name: 'every volume and snapshot is in the timeline', find: sql`select 'volume ' || id as what from volume v where (select count(*) from event e where e.resource = v.id and e.action = 'volume.create.start') <> 1 union all select 'snapshot ' || id from snapshot n where (select count(*) from event e where e.resource = n.id and e.action = 'snapshot.create.start') <> 1 union all select 'backup ' || id from volume_backup b where (select count(*) from event e where e.resource = b.id and e.action in ('backup.create.start', 'backup.import.end')) <> 1` },
  { name: 'no secret where many can read', find: sql.join(readable.map(([table, column]) => sql.raw(`select '${table}.${column}: ' || substr("${column}", 1, 200) as what from "${table}" where ${secrets.map((s) => `instr("${column}", '${s}') > 0`).join(' or ')}`)), sql` union all `) },
  { name: 'no user data where many can read', find: sql.join(readable.slice(0, 6).map(([table, column]) => sql.raw(`select '${table}.${column} carries user data of ' || u.server as what from server_guest u join "${table}" x on instr(x."${column}", u.user_data) > 0 where length(u.user_data) > 15`)), sql` union all `) },
  { name: 'nothing is overdue', quiet: true, find: sql`select 'saga ' || kind || ' of ' || lane || ' ' || state as what from saga where state in ('open', 'unwinding', 'stuck')` },
]

/** Of many: SQLite takes 500 parts in a compound statement, and a batch of thirty statements is one round trip. */
const chunks = <T>(all: T[], n: number) => Array.from({ length: Math.ceil(all.length / n) }, (_, i) => all.slice(i * n, i * n + n))

/**
 * What is broken, in words; nothing when all is well. Asked in the middle of things, only what holds at every moment is
 * looked at; with `quiet`, everything must have come to rest as well.
 */
export async function violations(db: Database, options: { quiet?: boolean } = {}): Promise<string[]> {
  const all = [...invariants.filter((i) => !i.quiet || options.quiet), ...chunks(resolves, 8).map((c): Invariant => ({ name: 'every reference resolves', find: sql.raw(c.join(' union all ')) }))]
  const queries = all.map((i) => q.all<{ what: string }>(sql`${i.find} limit 5`))
  const addresses = q.all<{ address: string; cidr: string }>(sql`select a.address, s.cidr from address a join subnet s on s.id = a.subnet order by a.rowid desc limit 2000`)
  const [given, ...found] = await db.read([addresses, ...queries] as unknown as [Query, ...Query[]]) as unknown as [{ address: string; cidr: string }[], ...{ what: string }[][]]
  return [
    ...found.flatMap((rows, i) => rows.map((r) => `${all[i].name}: ${r.what}`)),
    ...given.filter((a) => !ipaddr.parse(a.address).match(ipaddr.parseCIDR(a.cidr) as never)).map((a) => `an address lies in its subnet: ${a.address} in ${a.cidr}`),
  ]
}
