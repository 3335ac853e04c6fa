/** Types of services and extensions that this cloud has not: what they lack, for who names one. */
const services: [RegExp, string][] = [
  [/^OS::Neutron::(Firewall|FirewallPolicy|FirewallRule)$/, 'the network service has no firewalls (fwaas): use security groups'],
  [/^OS::Neutron::(IKEPolicy|IPsecPolicy|IPsecSiteConnection|VPNService)$/, 'the network service has no VPNs (vpnaas)'],
  [/^OS::Neutron::(L2Gateway|L2GatewayConnection|NetworkGateway)$/, 'the network service has no layer 2 gateways (l2-gateway)'],
  [/^OS::Neutron::(FlowClassifier|PortChain|PortPair|PortPairGroup)$/, 'the network service has no service function chains (sfc)'],
  [/^OS::Neutron::TaaS::/, 'the network service has no taps (taas)'],
  [/^OS::Neutron::(LBaaS::|LoadBalancer$|Pool$|PoolMember$|HealthMonitor$)|^OS::Octavia::|^AWS::ElasticLoadBalancing::/, 'there is no load balancer service'],
  [/^OS::Nova::(FloatingIP|FloatingIPAssociation)$/, 'floating IPs are the network service\'s: use OS::Neutron::FloatingIP'],
  [/^OS::Glance::Image$/, 'the image service takes no locations: use OS::Glance::WebImage, or upload the image'],
  [/^OS::Heat::SwiftSignal/, 'there is no object storage service: use OS::Heat::WaitCondition and its handle'], [/^OS::Heat::HARestarter$/, 'it is retired: mark the resource unhealthy and update the stack'],
  [/^OS::Heat::AccessPolicy$/, 'stacks make no users whose access it could bound: guests hold addresses that are signed for one resource'],
  [/^OS::Aodh::/, 'there is no alarming service'], [/^OS::Barbican::/, 'there is no key manager service'], [/^OS::Blazar::/, 'there is no reservation service'], [/^OS::Designate::/, 'there is no DNS service'],
  [/^OS::Ironic::/, 'there is no bare metal service'], [/^OS::Magnum::/, 'there is no container infrastructure service'], [/^OS::Manila::/, 'there is no shared file system service'], [/^OS::Mistral::/, 'there is no workflow service'],
  [/^OS::Monasca::/, 'there is no monitoring service'], [/^OS::Sahara::/, 'there is no data processing service'], [/^OS::Senlin::/, 'there is no clustering service'], [/^OS::Swift::|^AWS::S3::/, 'there is no object storage service'],
  [/^OS::Trove::/, 'there is no database service'], [/^OS::Vitrage::/, 'there is no root cause analysis service'], [/^OS::Zaqar::/, 'there is no messaging service'], [/^OS::Zun::/, 'there is no container service'],
]
export const absent = (type: string): string | undefined => services.find(([pattern]) => pattern.test(type))?.[1]
/** The same as a sentence, in heat's words. */
export function unavailable(type: string): string | undefined {
  const why = absent(type)
  return why && `HEAT-E99001 Service ${type.split('::')[1].toLowerCase()} is not available for resource type ${type}, reason: ${why}`
}
