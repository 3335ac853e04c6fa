import { ec2 } from './service.ts'
import { describeImages } from './images/describe.ts'
import { makeImages } from './images/make.ts'
import { describeInstanceAttribute, modifyInstanceAttribute, resetInstanceAttribute } from './instances/attributes.ts'
import { getConsoleOutput, getPasswordData } from './instances/console.ts'
import { describeInstances, describeInstanceStatus } from './instances/describe.ts'
import { rebootInstances, startInstances, stopInstances, terminateInstances } from './instances/power.ts'
import { runInstances } from './instances/run.ts'
import { describeInstanceTypes } from './instances/types.ts'
import addresses from './addresses/api.ts'
import dhcp from './dhcp/api.ts'
import groups from './groups/api.ts'
import interfaces from './interfaces/api.ts'
import keypairs from './keypairs/api.ts'
import regions from './regions/api.ts'
import routes from './routes/api.ts'
import gateways from './routes/gateways.ts'
import snapshots from './snapshots/api.ts'
import subnets from './subnets/api.ts'
import tags from './tags/api.ts'
import volumes from './volumes/api.ts'
import vpcs from './vpcs/api.ts'

/** Instances, and what lies around them, as EC2's clients know them. */
export default ec2.serve([
  ...regions, ...keypairs,
  runInstances, describeInstances, describeInstanceStatus, startInstances, stopInstances, rebootInstances, terminateInstances, getConsoleOutput, getPasswordData,
  describeInstanceAttribute, modifyInstanceAttribute, resetInstanceAttribute, describeInstanceTypes,
  describeImages, ...makeImages,
  ...volumes, ...snapshots, ...groups, ...addresses, ...interfaces,
  ...vpcs, ...subnets, ...gateways, ...routes, ...dhcp, ...tags,
])
