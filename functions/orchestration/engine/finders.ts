import { Fault, invalid } from '../../kernel/fault.ts'
import type { Invocation } from '../../kernel/invoke.ts'

interface Finder { noun: string; service: string; path: string; plural: string; version?: string; /** Ids are free text: asked for by id first. */ single?: string; /** The answer is its name, not its id. */ byName?: true; query?: Record<string, string> }
const neutron = (noun: string, path: string, plural = path.slice(1).replaceAll('-', '_')): Finder => ({ noun, service: 'network', path, plural })
const keystone = (noun: string): Finder => ({ noun, service: 'identity', path: `/${noun}s`, plural: `${noun}s`, single: noun })

/** What properties may name instead of giving an id. */
export const finders: Record<string, Finder> = {
  'neutron.network': neutron('network', '/networks'), 'neutron.subnet': neutron('subnet', '/subnets'), 'neutron.port': neutron('port', '/ports'), 'neutron.router': neutron('router', '/routers'),
  'neutron.security_group': neutron('security_group', '/security-groups'), 'neutron.qos_policy': neutron('policy', '/qos/policies', 'policies'), 'neutron.subnetpool': neutron('subnetpool', '/subnetpools'),
  'neutron.address_scope': neutron('address_scope', '/address-scopes'), 'neutron.segment': neutron('segment', '/segments'), 'neutron.trunk': neutron('trunk', '/trunks'), 'neutron.floatingip': neutron('floatingip', '/floatingips'), 'neutron.address_group': neutron('address_group', '/address-groups'),
  'nova.flavor': { noun: 'Flavor', service: 'compute', path: '/flavors', plural: 'flavors', single: 'flavor' }, 'nova.server': { noun: 'Server', service: 'compute', path: '/servers', plural: 'servers' },
  'nova.keypair': { noun: 'Key', service: 'compute', path: '/os-keypairs', plural: 'keypairs', single: 'keypair', byName: true }, 'nova.server_group': { noun: 'Server Group', service: 'compute', path: '/os-server-groups', plural: 'server_groups' },
  'glance.image': { noun: 'Image', service: 'image', path: '/images', plural: 'images' },
  'cinder.volume': { noun: 'Volume', service: 'volume', path: '/volumes', plural: 'volumes' }, 'cinder.snapshot': { noun: 'VolumeSnapshot', service: 'volume', path: '/snapshots', plural: 'snapshots' },
  'cinder.vtype': { noun: 'VolumeType', service: 'volume', path: '/types', plural: 'volume_types' }, 'cinder.backup': { noun: 'VolumeBackup', service: 'volume', path: '/backups', plural: 'backups' }, 'cinder.qos_specs': { noun: 'QoSSpecs', service: 'volume', path: '/qos-specs', plural: 'qos_specs' },
  'keystone.user': keystone('user'), 'keystone.project': keystone('project'), 'keystone.role': keystone('role'), 'keystone.domain': keystone('domain'), 'keystone.group': keystone('group'), 'keystone.service': { ...keystone('service'), single: 'service' }, 'keystone.region': { ...keystone('region'), single: 'region' },
}

const looksLikeId = (s: string) => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(s)

/** The id of what is called so, or has this id. */
export async function findId(call: (to: Invocation) => Promise<any>, kind: string, given: string, project?: string): Promise<string> {
  const f = finders[kind]
  if (!f) throw new Error(`nothing is known of ${kind}`)
  if (f.single) {
    try {
      const one = (await call({ service: f.service, version: f.version, method: 'GET', path: `${f.path}/${encodeURIComponent(given)}` }))[f.single]
      return f.byName ? one.name : one.id
    } catch (e) {
      if (!(e instanceof Fault) || !['notFound', 'invalid', 'forbidden'].includes(e.kind)) throw e
      // Some may be used and not looked at.
      if (e.kind === 'forbidden') return given
      if (f.byName) throw missing(f, given)
    }
  } else if (looksLikeId(given)) return given
  const list = (await call({ service: f.service, version: f.version, method: 'GET', path: f.path, query: f.plural === 'flavors' || f.plural === 'server_groups' ? {} : { name: f.service === 'compute' && f.plural === 'servers' ? `^${given.replaceAll(/[^\w-]/g, '.')}$` : given, ...f.query } }))[f.plural] as { id: string; name: string; project_id?: string }[]
  const named = list.filter((x) => x.name === given), own = named.filter((x) => project && x.project_id === project)
  // An admin sees everybody's; the project's own goes first.
  const hits = own.length ? own : named
  if (hits.length > 1) throw invalid(`Multiple ${f.noun} entities found with name '${given}'.`, { type: 'BadRequest' })
  if (!hits.length) throw missing(f, given)
  return hits[0].id
}
const missing = (f: Finder, given: string) => invalid(`Error validating value '${given}': The ${f.noun} (${given}) could not be found.`, { type: 'StackValidationFailed' })
