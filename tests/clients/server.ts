import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { until } from '../steps.ts'
import { consoles } from './consoles.ts'
import { equal, matches } from './cli.ts'
import { Guest } from './guest.ts'
import { gone, need, status, type Story } from './story.ts'

/** One server: made, looked into, logged in to, turned off and on. */
export async function server(s: Story) {
  const { steps, demo, real, dir } = s
  await steps.step('openstack keypair create, flavor list', async () => {
    const { stdout } = await demo.run('keypair', 'create', 'story')
    writeFileSync(s.key, stdout, { mode: 0o600 })
    matches('a private key', stdout, /PRIVATE KEY/)
    const flavors = await demo.json<{ Name: string; RAM: number }[]>('flavor', 'list')
    for (const name of ['m1.nano', 'm1.micro', 'm1.tiny', 'm1.small', 'm1.medium', 'm1.large']) if (!flavors.some((f) => f.Name === name)) throw new Error(`no flavor ${name}`)
  })
  await steps.step('what cannot be is refused with its name', async () => {
    matches('an unknown flavor', await demo.refused('server', 'create', '--image', 'tiny', '--flavor', 'nope', '--network', 'demo', 'no'), /nope/)
    const r = await s.c.ask('POST', '/compute/v2.1/servers', { token: await s.c.token('demo'), body: { server: { name: 'no', imageRef: 'x', flavorRef: '1', networks: 'none', surprise: 1 } } })
    equal('an unknown field', [r.status, /surprise/.test(r.text)], [400, true])
  })
  await steps.step(`openstack server create --wait: ${real ? 'a real VM' : 'a simulated one'}, ACTIVE, with an address`, async () => {
    const script = path.join(dir, 'user-data')
    // Runs before the server has a floating IP: what it asks the outside comes from the router's address.
    writeFileSync(script, `#!/bin/sh\necho user data ran on $(hostname)\n${s.outside ? `timeout 20 wget -q -O - ${s.outside.url}/from-user-data\n` : ''}`)
    const made = await demo.json('server', 'create', '--image', 'tiny', '--flavor', 'm1.nano', '--network', 'demo', '--security-group', 'doors', '--key-name', 'story',
      '--user-data', script, '--use-config-drive', '--property', 'told=once', '--wait', 'one')
    s.one = made.id as string
    equal('its status', made.status, 'ACTIVE')
    matches('its addresses', JSON.stringify(made.addresses), /10\.20\.0\.\d+/)
  })
  await steps.step('openstack console log show: it booted, with its address, name and user data', async () => {
    const log = await until('the end of its boot in the console log', 180, async () => {
      const { stdout } = await demo.run('console', 'log', 'show', need(s.one, 'the server'))
      return (!real || /guest: ready/.test(stdout)) && stdout
    })
    if (!real) return matches('the console', log, /\S/)
    matches('its address by DHCP', log, /guest: ready hostname=one ip=10\.20\.0\.\d+\/24/)
    matches('where its metadata came from', log, /guest: metadata source=configdrive:\S+ .*keys=1/)
    matches('user data', log, /user data ran on one/)
    matches('the outside through SNAT', log, /you are 172\.24\.\d+\.10\b/)
    equal('whom the outside saw', s.outside!.heard('/from-user-data'), [s.host.externalCidr.replace(/0\/24$/, '10')])
  })
  await steps.step('openstack floating ip create, server add floating ip', async () => {
    const { floating_ip_address: address } = await demo.json('floating', 'ip', 'create', 'public')
    s.floating = address
    await demo.run('server', 'add', 'floating', 'ip', need(s.one, 'the server'), address)
    await until('the floating IP among its addresses', 20, async () => JSON.stringify((await s.c.call('demo', 'GET', `/compute/v2.1/servers/${s.one}`)).server.addresses).includes(address))
    s.guest = new Guest(address, s.key)
  })
  await consoles(s)
  if (real) await inside(s)
  await turning(s)
}

async function inside(s: Story) {
  const { steps, demo } = s
  await steps.step('ssh -i key root@floating-ip logs in', async () => equal('its name', await need(s.guest, 'a floating IP').up(), 'one'))
  await steps.step('inside: metadata at 169.254.169.254 in both shapes and on the config drive', async () => {
    const guest = need(s.guest, 'a guest')
    const meta = JSON.parse(await guest.run('wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json'))
    equal('uuid, name and metadata', [meta.uuid, meta.name, meta.meta.told], [s.one, 'one', 'once'])
    matches('EC2\'s', await guest.run('wget -q -O - http://169.254.169.254/latest/meta-data/local-ipv4'), /^10\.20\.0\.\d+$/)
    matches('user data', await guest.run('wget -q -O - http://169.254.169.254/latest/user-data'), /user data ran/)
    const drive = JSON.parse(await guest.run('mkdir -p /mnt/drive; for d in /dev/sr0 /dev/vd? /dev/sd?; do mount -o ro $d /mnt/drive 2>/dev/null && [ -f /mnt/drive/openstack/latest/meta_data.json ] && break; umount /mnt/drive 2>/dev/null; done; cat /mnt/drive/openstack/latest/meta_data.json; umount /mnt/drive'))
    equal('on the drive', [drive.uuid, drive.name, drive.meta.told], [s.one, 'one', 'once'])
  })
  await steps.step('inside: the world outside sees the floating IP', async () => {
    matches('the answer', await need(s.guest, 'a guest').run(`wget -q -O - ${s.outside!.url}/by-floating-ip`), new RegExp(`you are ${s.floating!.replaceAll('.', '\\.')}`))
  })
  await steps.step('a security group rule removed stops new and established flows; added again, they pass', async () => {
    const guest = need(s.guest, 'a guest'), flow = guest.talk()
    try {
      await until('a session in which the guest talks', 40, async () => flow.last > 0 && flow.silence < 1500)
      const rules = await demo.json<{ ID: string; 'IP Protocol': string }[]>('security', 'group', 'rule', 'list', 'doors')
      await demo.run('security', 'group', 'rule', 'delete', rules.find((r) => r['IP Protocol'] === 'tcp')!.ID)
      await until('the established session being cut off', 15, async () => flow.silence > 3000)
      if (await guest.reachable()) throw new Error('a new connection passes')
      if (!await guest.pings()) throw new Error('what is still allowed (ping) does not pass')
    } finally { flow.end() }
    await demo.run('security', 'group', 'rule', 'create', '--protocol', 'tcp', '--dst-port', '22', 'doors')
    await until('new connections', 15, () => guest.reachable())
  })
}

async function turning(s: Story) {
  const { steps, demo, real } = s
  const up = async () => { if (real) await need(s.guest, 'a guest').up() }
  await steps.step('openstack server set: another name, metadata, tags', async () => {
    const id = need(s.one, 'the server')
    await demo.run('server', 'set', '--name', 'uno', '--property', 'color=red', id)
    await demo.run('--os-compute-api-version', '2.26', 'server', 'set', '--tag', 'told', id)
    const { server } = await s.c.call('demo', 'GET', `/compute/v2.1/servers/${id}`)
    equal('what it shows', [server.name, server.metadata, server.tags], ['uno', { told: 'once', color: 'red' }, ['told']])
  })
  await steps.step('openstack server stop, start', async () => {
    const id = need(s.one, 'the server')
    await demo.run('server', 'stop', id)
    await status(s, id, 'SHUTOFF')
    if (real && await s.guest?.pings()) throw new Error('a stopped guest answers')
    await demo.run('server', 'start', id)
    await status(s, id, 'ACTIVE')
    await up()
  })
  await steps.step('openstack server reboot --soft, --hard', async () => {
    const id = need(s.one, 'the server'), boot = async () => real ? need(s.guest, 'a guest').run('cat /proc/sys/kernel/random/boot_id') : ''
    for (const how of ['--soft', '--hard']) {
      const before = await boot()
      await demo.run('server', 'reboot', how, '--wait', id)
      await status(s, id, 'ACTIVE')
      if (real) await until(`another boot after ${how}`, 120, async () => await boot() !== before)
    }
  })
}

/** An image of the first server makes a second one, which takes over the floating IP. */
export async function second(s: Story) {
  const { steps, demo, real } = s
  await steps.step('openstack server image create --wait, and a second server from it', async () => {
    if (real) await need(s.guest, 'a guest').run('echo from the first > /root/note; sync')
    await demo.run('server', 'image', 'create', '--name', 'copy', '--wait', need(s.one, 'the server'))
    const made = await demo.json('server', 'create', '--image', 'copy', '--flavor', 'm1.nano', '--network', 'demo', '--security-group', 'doors', '--key-name', 'story', '--wait', 'two')
    equal('its status', made.status, 'ACTIVE')
    s.two = made.id
  })
  await steps.step('the floating IP goes over to the second server', async () => {
    const address = need(s.floating, 'a floating IP')
    await demo.run('server', 'remove', 'floating', 'ip', need(s.one, 'the first server'), address)
    await demo.run('server', 'add', 'floating', 'ip', need(s.two, 'the second server'), address)
    s.second = new Guest(address, s.key)
    s.guest = undefined
    if (!real) return
    await until('the second server answering', 150, async () => await s.second!.run('hostname') === 'two')
    equal('what the first one wrote', await s.second.run('cat /root/note'), 'from the first')
    const { stdout } = await demo.run('console', 'log', 'show', s.two!)
    matches('its metadata came over the network', stdout, /guest: metadata source=http:\/\/169\.254\.169\.254 /)
  })
}

export async function removal(s: Story) {
  const { steps, demo, real, c } = s
  await steps.step('openstack server delete --wait, and everything else', async () => {
    await demo.run('server', 'delete', '--wait', ...[s.one, s.two].filter((id) => id !== undefined))
    for (const id of [s.one, s.two]) if (id) await gone(s, `/compute/v2.1/servers/${id}`)
    if (s.floating) await demo.run('floating', 'ip', 'delete', s.floating)
    await demo.run('security', 'group', 'delete', 'doors')
    await demo.run('keypair', 'delete', 'story')
    await demo.run('image', 'delete', 'copy')
  })
  await steps.step('nothing is left: in the rows, on the host', async () => {
    const { rest } = await import('../faults/trials.ts')
    const { violations } = await import('../harness/invariants.ts')
    const moving = await rest(c, 60)
    equal('what still moves', moving, [])
    equal('broken invariants', await violations(c.db(), { quiet: true }), [])
    if (!real) {
      const { mismatches } = await import('../faults/truth.ts')
      return equal('what the hosts have and the rows do not', await mismatches(c), [])
    }
    equal('domains', await s.host.domains(), [])
    equal('emulators', s.host.emulators(), 0)
    await until('no tap', 20, async () => (await s.host.taps()).length === 0)
    equal('files', s.host.files(), [])
  })
}
