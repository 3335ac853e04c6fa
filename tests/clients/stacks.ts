import { fileURLToPath } from 'node:url'
import { sh, until } from '../steps.ts'
import { equal, matches } from './cli.ts'
import { status, type Story } from './story.ts'

const template = (name: string) => fileURLToPath(new URL(`../../templates/${name}`, import.meta.url))

/** Stacks in both languages: from the repository's own templates, with a server whose user data signals that it runs. */
export async function stacks(s: Story) {
  const { steps, demo, c, real } = s
  await steps.step(`openstack stack create --wait: ${real ? 'complete when the guest has signalled' : 'complete when it was signalled'}`, async () => {
    // A simulated guest runs no user data: the client signals in its place.
    const made = demo.json('stack', 'create', '-t', template('hot/server.yaml'), '--wait', 'first')
    const [{ stack_status }] = await Promise.all([made, real ? undefined : signal(s, 'first')])
    equal('its status', stack_status, 'CREATE_COMPLETE')
    const { stdout } = await demo.run('stack', 'output', 'show', 'first', '--all')
    matches('its address', stdout, /10\.20\.0\.\d+/)
    matches('what the guest said', stdout, real ? /\d+\.\d+\.\d+-/ : /simulated/)
  })
  await steps.step('openstack stack event list, resource list, delete --wait: its server goes with it', async () => {
    matches('events', (await demo.run('stack', 'event', 'list', '--nested-depth', '1', 'first')).stdout, /first.*CREATE_COMPLETE/)
    const resources = await demo.json<{ resource_name: string; physical_resource_id: string }[]>('stack', 'resource', 'list', 'first')
    const server = resources.find((r) => r.resource_name === 'server')!.physical_resource_id
    await status(s, server, 'ACTIVE')
    await demo.run('stack', 'delete', '--yes', '--wait', 'first')
    equal('its server', (await c.ask('GET', `/compute/v2.1/servers/${server}`, { token: await c.token('demo') })).status, 404)
  })
  await steps.step('aws cloudformation create-stack, wait, describe-stacks, delete-stack', async () => {
    const key = await demo.json<{ access: string; secret: string }>('ec2', 'credentials', 'create')
    const env = { ...demo.env, AWS_ACCESS_KEY_ID: key.access, AWS_SECRET_ACCESS_KEY: key.secret, AWS_DEFAULT_REGION: 'RegionOne', AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '' }
    const aws = async (...args: string[]) => (await sh('aws', ['--endpoint-url', `${c.url}/cloudformation`, 'cloudformation', ...args], { env, timeout: 600_000 })).stdout
    const { id: subnet } = await demo.json('subnet', 'show', 'demo-subnet')
    const { StackId } = JSON.parse(await aws('create-stack', '--stack-name', 'second', '--template-body', `file://${template('cfn/server.yaml')}`, '--parameters', `ParameterKey=Subnet,ParameterValue=${subnet}`))
    matches('its id', StackId, /^arn:aws:cloudformation:RegionOne:[0-9a-f]+:stack\/second\/[0-9a-f-]{36}$/)
    if (!real) await signal(s, 'second', { Status: 'SUCCESS', Reason: 'up', UniqueId: '1', Data: 'simulated' })
    // The waiter asks twice a minute: it is asked once there is an end to see.
    const ended = async () => until('an end', 300, async () => !(await aws('describe-stacks', '--stack-name', StackId)).includes('_IN_PROGRESS"'))
    await ended()
    await aws('wait', 'stack-create-complete', '--stack-name', 'second')
    const [{ Outputs, StackStatus }] = JSON.parse(await aws('describe-stacks', '--stack-name', 'second')).Stacks
    equal('its status', StackStatus, 'CREATE_COMPLETE')
    matches('what it says', JSON.stringify(Outputs), real ? /\d+\.\d+\.\d+-/ : /simulated/)
    await aws('delete-stack', '--stack-name', 'second')
    await ended()
    await aws('wait', 'stack-delete-complete', '--stack-name', StackId)
    await demo.run('ec2', 'credentials', 'delete', key.access)
  })
}

/** What a guest's user data would say, by the address in it. */
async function signal(s: Story, name: string, words: object = { status: 'SUCCESS', data: 'simulated' }) {
  const url = await until(`the address in ${name}'s user data`, 60, async () => {
    const { servers: [listed] } = await s.c.call('admin', 'GET', `/compute/v2.1/servers?all_tenants=1&name=${name}-`)
    const { server } = await s.c.call('admin', 'GET', `/compute/v2.1/servers/${listed.id}`)
    return /http[^'"\s]+\/(signals|waitcondition)\/[^'"\s]+/.exec(Buffer.from(server['OS-EXT-SRV-ATTR:user_data'] ?? '', 'base64').toString())?.[0]
  })
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(words) })
  equal('the answer to the signal', answer.status, 200)
}
