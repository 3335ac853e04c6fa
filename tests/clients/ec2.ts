import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { sh } from '../steps.ts'
import { equal, matches } from './cli.ts'
import { status, volumeIs, type Story } from './story.ts'

/** The stock `aws ec2`: an instance with its key, group, address and volume, and the same server by the other API. */
export async function ec2(s: Story) {
  const { steps, demo, c } = s
  let aws: (...args: string[]) => Promise<any> = () => { throw new Error('needs a key, which an earlier step did not leave') }
  let access = '', id = '', group = '', volume = ''
  await steps.step('openstack ec2 credentials create, aws ec2 describe-images, describe-subnets, import-key-pair', async () => {
    const key = await demo.json<{ access: string; secret: string }>('ec2', 'credentials', 'create')
    const env = { ...demo.env, AWS_ACCESS_KEY_ID: key.access, AWS_SECRET_ACCESS_KEY: key.secret, AWS_DEFAULT_REGION: 'RegionOne', AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '' }
    access = key.access
    aws = async (...args) => { const { stdout } = await sh('aws', ['--endpoint-url', `${c.url}/ec2`, 'ec2', ...args], { env, timeout: 600_000 }); return stdout.trim().startsWith('{') ? JSON.parse(stdout) : stdout.trim() }
    const file = path.join(s.dir, 'by-ec2.pub')
    writeFileSync(file, (await sh('ssh-keygen', ['-y', '-f', s.key])).stdout)
    await aws('import-key-pair', '--key-name', 'by-ec2', '--public-key-material', `fileb://${file}`)
    matches('the keys the other API knows', (await demo.run('keypair', 'list')).stdout, /by-ec2/)
  })
  await steps.step('aws ec2 create-security-group, authorize-security-group-ingress, run-instances, wait instance-running', async () => {
    const [image] = (await aws('describe-images', '--filters', 'Name=name,Values=tiny')).Images, [subnet] = (await aws('describe-subnets', '--filters', 'Name=tag:Name,Values=demo-subnet')).Subnets
    group = (await aws('create-security-group', '--group-name', 'by-ec2', '--description', 'ssh', '--vpc-id', subnet.VpcId)).GroupId
    await aws('authorize-security-group-ingress', '--group-id', group, '--protocol', 'tcp', '--port', '22', '--cidr', '0.0.0.0/0')
    const { Instances: [made] } = await aws('run-instances', '--image-id', image.ImageId, '--instance-type', 'm1.nano', '--key-name', 'by-ec2', '--subnet-id', subnet.SubnetId, '--security-group-ids', group, '--tag-specifications', 'ResourceType=instance,Tags=[{Key=Name,Value=third}]')
    id = made.InstanceId
    await aws('wait', 'instance-running', '--instance-ids', id)
    const server = await demo.json<{ id: string }>('server', 'show', 'third')
    equal('its id', id, `i-${server.id.replaceAll('-', '')}`)
    await status(s, server.id, 'ACTIVE')
  })
  await steps.step('aws ec2 allocate-address, associate-address, create-volume, attach-volume, create-tags, describe-instances --filters', async () => {
    const address = await aws('allocate-address', '--domain', 'vpc'), { AssociationId } = await aws('associate-address', '--allocation-id', address.AllocationId, '--instance-id', id)
    volume = (await aws('create-volume', '--availability-zone', 'nova', '--size', '1')).VolumeId
    await aws('wait', 'volume-available', '--volume-ids', volume)
    await aws('attach-volume', '--volume-id', volume, '--instance-id', id, '--device', '/dev/vdh')
    await volumeIs(s, volume.replace(/^vol-(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), 'in-use')
    await aws('create-tags', '--resources', id, volume, '--tags', 'Key=story,Value=told')
    const { Reservations: [{ Instances: [now] }] } = await aws('describe-instances', '--filters', 'Name=tag:story,Values=to*', 'Name=instance-state-name,Values=running')
    equal('what it has', [now.PublicIpAddress, now.SecurityGroups[0].GroupId, now.BlockDeviceMappings[0].Ebs.VolumeId], [address.PublicIp, group, volume])
    await aws('disassociate-address', '--association-id', AssociationId)
    await aws('release-address', '--allocation-id', address.AllocationId)
    await aws('detach-volume', '--volume-id', volume)
    await aws('wait', 'volume-available', '--volume-ids', volume)
    await aws('delete-volume', '--volume-id', volume)
    await aws('wait', 'volume-deleted', '--volume-ids', volume)
  })
  await steps.step('aws ec2 stop-instances, terminate-instances, wait instance-terminated; what is not there is refused', async () => {
    await aws('stop-instances', '--instance-ids', id)
    await aws('wait', 'instance-stopped', '--instance-ids', id)
    await aws('terminate-instances', '--instance-ids', id)
    await aws('wait', 'instance-terminated', '--instance-ids', id)
    await aws('delete-security-group', '--group-id', group)
    await aws('delete-key-pair', '--key-name', 'by-ec2')
    matches('what is refused', await aws('describe-spot-price-history').then(() => 'done', (e: Error) => e.message), /InvalidAction/)
    await demo.run('ec2', 'credentials', 'delete', access)
  })
}
