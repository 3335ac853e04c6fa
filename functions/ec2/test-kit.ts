import { image } from '../../schema/image.ts'
import { cloud } from '../../tests/harness/cloud.ts'
import { q } from '../kernel/db.ts'
import { signer } from '../aws/test-kit.ts'

/** A cloud with a host and an image, and a user who signs. */
export async function ec2() {
  const c = await cloud(), host = await c.host(), demo = await c.demo(), me = await signer(c, demo), IMAGE = crypto.randomUUID()
  await c.db().write([q.insert(image).values({ id: IMAGE, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 })])
  const ok = async (action: string, params: Record<string, unknown> = {}) => { const r = await me.ec2(action, params); if (r.status !== 200) throw new Error(`${action}: ${r.status} ${r.text}`); return r.body }
  const code = async (action: string, params: Record<string, unknown> = {}) => { const r = await me.ec2(action, params); return r.code ?? `${r.status}` }
  const rest = async () => { for (let i = 0; i < 200; i++) { await c.settle(); if (!await host.work()) { await c.settle(); if (!await host.work()) return } } }
  const filter = (Name: string, ...Value: string[]) => ({ Filter: [{ Name, Value }] })
  /** A VPC with a subnet, open to the outside. */
  async function vpc(cidr = '10.50.0.0/16', part = '10.50.1.0/24') {
    const { vpc: { vpcId } } = await ok('CreateVpc', { CidrBlock: cidr }), { subnet: { subnetId } } = await ok('CreateSubnet', { VpcId: vpcId, CidrBlock: part })
    return { vpcId: vpcId as string, subnetId: subnetId as string }
  }
  const run = async (more: Record<string, unknown> = {}) => { const r = await ok('RunInstances', { ImageId: ami, InstanceType: 'm1.nano', MinCount: 1, MaxCount: 1, ...more }); await rest(); return (r.instancesSet as any[]).map((i) => i.instanceId as string) }
  const instance = async (id: string) => (await ok('DescribeInstances', { InstanceId: [id] })).reservationSet[0].instancesSet[0]
  const ami = `ami-${IMAGE.replaceAll('-', '')}`
  return { c, host, demo, me, ok, code, rest, filter, vpc, run, instance, ami, IMAGE }
}
