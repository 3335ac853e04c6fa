import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Running } from '../harness/running.ts'
import { Steps } from '../steps.ts'
import { Cli } from './cli.ts'
import { bare, contract } from './contract.ts'
import { Host } from './host.ts'
import { Outside } from './outside.ts'
import { install, missing, rootOnDebian } from './packages.ts'
import { removal, second, server } from './server.ts'
import { ec2 } from './ec2.ts'
import { stacks } from './stacks.ts'
import { identity, image, network, type Story } from './story.ts'
import { elsewhere, volume } from './volume.ts'

/**
 * A user's whole story with the stock clients, nothing patched, against a cloud started as users start it. As root, where
 * guests can be real, they are; else the same story is told of simulated ones, without looking into them.
 * `--simulated` asks for the latter; `--keep` leaves the cloud as it is at the end.
 */
const { values } = parseArgs({ options: { simulated: { type: 'boolean' }, keep: { type: 'boolean' } } })
const steps = new Steps()
await steps.step('the stock clients', () => install())
if (missing().length) {
  const why = `not here: ${missing().join(', ')}; install python3-openstackclient, openssh-client and curl`
  if (rootOnDebian()) steps.failed.push(why)
  console.log(`skip  the story with the stock clients (${why})`)
  process.exit(steps.close())
}

const args = values.simulated ? ['--hypervisor', 'simulated', '--no-host-packages'] : []
const c = await Running.make(args), dir = mkdtempSync(path.join(tmpdir(), 'virga-clients-'))
process.on('exit', () => { c.child?.kill(); rmSync(dir, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

let outside: Outside | undefined
if (await steps.step('npm start', () => c.start(1500).then(() => true))) {
  console.log(c.output.trimEnd().replace(/^/gm, '      | '))
  const real = !/host is simulated/.test(c.output), host = new Host(c.data), tag = host.tag
  // Where guests must be real, a simulated host is a failure and not an excuse.
  if (!real && !values.simulated) await steps.step('guests are real on this machine', async () => {
    const why = /The host is simulated \((.*)\)/.exec(c.output)?.[1] ?? 'no reason given'
    if (rootOnDebian() && !/no right to make|\/dev\/net\/tun|arch|macOS/.test(why)) throw new Error(why)
    console.log(`skip  what needs real guests (${why})`)
  })
  if (real) await steps.step('somebody outside, on the external network', async () => { outside = new Outside(tag, host.externalCidr); await outside.open() })
  const s: Story = { c, steps, real, demo: Cli.cloud(c.data, 'virga-demo'), admin: Cli.openrc(path.join(c.data, 'openrc')), dir, key: path.join(dir, 'key'), host, outside }
  await identity(s)
  await image(s)
  await network(s)
  await server(s)
  const data = await volume(s)
  await second(s)
  await elsewhere(s, data)
  await stacks(s)
  await ec2(s)
  await contract(s, args)
  await removal(s)
  await outside?.close()
  if (!values.keep) await steps.step('npm run reset: the machine is as it was', async () => {
    await c.reset()
    if (real) await bare(host, tag)
  })
}
process.exit(steps.close())
