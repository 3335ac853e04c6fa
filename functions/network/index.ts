import { absent } from './absent/api.ts'
import { addressGroupActions, addressGroups } from './addressgroups/api.ts'
import { addressScopes } from './addressscopes/api.ts'
import { agents, dhcpScheduling, routerScheduling } from './agents/api.ts'
import { bindings } from './bindings/api.ts'
import { bgpvpns } from './bgpvpns/api.ts'
import { bgpvpnAssociations } from './bgpvpns/associations.ts'
import { availability } from './availability/api.ts'
import { discovery } from './extensions/api.ts'
import { floatingIpResource, floatingIps } from './floatingips/api.ts'
import { flavors } from './flavors/api.ts'
import { portForwardings } from './forwarding/api.ts'
import { conntrackHelpers } from './helpers/api.ts'
import { metering } from './metering/api.ts'
import { ndpProxies } from './ndp/api.ts'
import { networkResource, networks } from './networks/api.ts'
import { portResource, ports } from './ports/api.ts'
import { policies, policyResource } from './qos/policies.ts'
import { qosRules } from './qos/rules.ts'
import { quotas } from './quotas/api.ts'
import { rangeResource, ranges } from './ranges/api.ts'
import { rbacPolicies } from './rbac/api.ts'
import { extraRoutes, routerResource, routers } from './routers/api.ts'
import { addInterface, removeInterface } from './routers/interfaces.ts'
import { groupResource, securityGroups } from './security/api.ts'
import { ruleResource, securityGroupRules } from './security/rules.ts'
import { segments } from './segments/api.ts'
import { neutron } from './service.ts'
import { poolActions, poolResource, subnetPools } from './subnetpools/api.ts'
import { subnetResource, subnets } from './subnets/api.ts'
import { tagsOf } from './tags/api.ts'
import { templates } from './templates/api.ts'
import { topology } from './topology/api.ts'
import { trunkActions, trunkResource, trunks } from './trunks/api.ts'
import { zones } from './zones/api.ts'

export default neutron.serve([
  discovery,
  networks, subnets, ports,
  routers, addInterface, removeInterface, extraRoutes, floatingIps,
  securityGroups, securityGroupRules, addressGroups, addressGroupActions,
  portForwardings, policies, qosRules, trunks, trunkActions,
  subnetPools, poolActions, addressScopes, rbacPolicies, quotas,
  bgpvpns, bgpvpnAssociations,
  metering, flavors, conntrackHelpers, ndpProxies, segments, ranges, bindings, templates, topology, absent,
  agents, dhcpScheduling, routerScheduling, zones, availability,
  ...[networkResource, subnetResource, portResource, routerResource, floatingIpResource, groupResource, ruleResource, poolResource, policyResource, trunkResource, rangeResource].map(tagsOf),
  // The same tags by the path that clients know policies by when they tag them.
  tagsOf({ ...policyResource, path: '/policies', plural: 'qos_policies' }),
])
