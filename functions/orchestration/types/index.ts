import type { ResourceType } from './provider.ts'

type Load = () => Promise<{ default: ResourceType }>
/** Every type by its name, loaded when a template uses it. */
export const types: Record<string, Load> = {
  'OS::Heat::RandomString': () => import('./os/heat/random-string.ts'),
  'OS::Heat::TestResource': () => import('./os/heat/test-resource.ts'),
  'OS::Neutron::Net': () => import('./os/neutron/net.ts'),
  'OS::Nova::Server': () => import('./os/nova/server.ts'),
  'AWS::EC2::Instance': () => import('./aws/ec2/instance.ts'),
  'AWS::EC2::Volume': () => import('./aws/ec2/volume.ts'),
  'AWS::EC2::VolumeAttachment': () => import('./aws/ec2/volume-attachment.ts'),
  'AWS::EC2::EIP': () => import('./aws/ec2/eip.ts'),
  'AWS::EC2::EIPAssociation': () => import('./aws/ec2/eip-association.ts'),
  'AWS::EC2::SecurityGroup': () => import('./aws/ec2/security-group.ts'),
  'AWS::EC2::SecurityGroupIngress': () => import('./aws/ec2/security-group-ingress.ts'),
  'AWS::EC2::SecurityGroupEgress': () => import('./aws/ec2/security-group-egress.ts'),
  'AWS::EC2::VPC': () => import('./aws/ec2/vpc.ts'),
  'AWS::EC2::Subnet': () => import('./aws/ec2/subnet.ts'),
  'AWS::EC2::InternetGateway': () => import('./aws/ec2/internet-gateway.ts'),
  'AWS::EC2::VPCGatewayAttachment': () => import('./aws/ec2/vpc-gateway-attachment.ts'),
  'AWS::EC2::RouteTable': () => import('./aws/ec2/route-table.ts'),
  'AWS::EC2::Route': () => import('./aws/ec2/route.ts'),
  'AWS::EC2::SubnetRouteTableAssociation': () => import('./aws/ec2/subnet-route-table-association.ts'),
  'AWS::EC2::NetworkInterface': () => import('./aws/ec2/network-interface.ts'),
  'AWS::EC2::KeyPair': () => import('./aws/ec2/key-pair.ts'),
  'AWS::EC2::LaunchTemplate': () => import('./aws/ec2/launch-template.ts'),
  'AWS::IAM::User': () => import('./aws/iam/user.ts'),
  'AWS::IAM::Group': () => import('./aws/iam/group.ts'),
  'AWS::IAM::AccessKey': () => import('./aws/iam/access-key.ts'),
  'AWS::IAM::Role': () => import('./aws/iam/role.ts'),
  'AWS::IAM::InstanceProfile': () => import('./aws/iam/instance-profile.ts'),
  'AWS::SSM::Parameter': () => import('./aws/ssm/parameter.ts'),
}
export const typeNamed = async (name: string): Promise<ResourceType | undefined> => (await types[name]?.())?.default
