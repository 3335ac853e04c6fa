import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeCloud } from '../../bridge/core/testing.ts'
import { root as checkout } from '../layout.ts'
import { install, uninstall } from './install.ts'

let cloud: FakeCloud, root: string
const PATH = process.env.PATH
const file = (...names: string[]) => path.join(root, ...names)
const text = (name: string) => readFileSync(file(name), 'utf8')
beforeEach(async () => {
  cloud = new FakeCloud()
  await cloud.listen()
  root = mkdtempSync(path.join(tmpdir(), 'virga-install-'))
  mkdirSync(file('bin'))
  writeFileSync(file('bin/systemctl'), `#!/bin/sh\necho "$@" >> ${file('asked')}\n`)
  chmodSync(file('bin/systemctl'), 0o755)
  process.env.PATH = `${file('bin')}:${PATH}`
})
afterEach(async () => {
  process.env.PATH = PATH
  await cloud.close()
  rmSync(root, { recursive: true, force: true })
})
/** systemd's own opinion, where there is one. */
const judge = '/usr/bin/systemd-analyze'
const flags = () => ['--cloud', cloud.url, '--hypervisor', 'simulated', '--name', 'new-1']

test('a machine is made a host once; again, it keeps its identity and takes the new flags; uninstalled, nothing of it is left', async () => {
  mkdirSync(file('run/systemd/system'), { recursive: true })
  await install([...flags(), '--enroll', 'token'], { root })
  expect([...cloud.hosts.values()].map((h) => h.name)).toEqual(['new-1'])
  expect(text('etc/virga/bridge.env')).toBe(`VIRGA_URL=${cloud.url}\nVIRGA_FLAGS=--hypervisor simulated --name new-1\n`)
  expect([statSync(file('etc/virga/bridge.env')).mode & 0o777, statSync(file('var/lib/virga/bridge/host.json')).mode & 0o777]).toEqual([0o600, 0o600])
  expect(text('etc/systemd/system/virga-bridge.service')).toContain(`ExecStart=${checkout}/node_modules/.bin/node bridge/main.ts --cloud \${VIRGA_URL} --state /var/lib/virga/bridge $VIRGA_FLAGS`)
  expect(text('asked').trim().split('\n')).toEqual(['daemon-reload', 'disable --now libvirt-guests', 'enable virga-bridge', 'restart virga-bridge'])
  const key = text('var/lib/virga/bridge/host.json')
  await install([...flags(), '--vcpus', '4'], { root })
  expect([text('var/lib/virga/bridge/host.json'), cloud.hosts.size]).toEqual([key, 1])
  expect(text('etc/virga/bridge.env')).toContain('--vcpus 4')
  await uninstall({ root })
  expect(['etc/virga/bridge.env', 'etc/systemd/system/virga-bridge.service', 'var/lib/virga/bridge'].map((name) => existsSync(file(name)))).toEqual([false, false, false])
}, 30_000)

test.skipIf(!existsSync(judge))('systemd finds nothing wrong with the units', () => {
  for (const unit of ['bridge/virga-bridge.service', 'local/systemd/virga.service']) {
    writeFileSync(file(path.basename(unit)), readFileSync(path.join(checkout, unit), 'utf8').replaceAll('/opt/virga', checkout).replace('/usr/bin/node', process.execPath))
    const { status, stderr } = spawnSync(judge, ['verify', file(path.basename(unit))], { encoding: 'utf8' })
    expect([unit, status, stderr.trim()]).toEqual([unit, 0, ''])
  }
})

test('what cannot be is said before anything is written', async () => {
  await expect(install([...flags(), '--enroll', 'token', '--uplink', 'eth0 --wipe'], { root })).rejects.toThrow('cannot stand in')
  await expect(install([...flags(), '--enroll', 'token', '--nonsense'], { root })).rejects.toThrow('--nonsense')
  await expect(install(flags(), { root })).rejects.toThrow('not enrolled yet')
  expect([cloud.hosts.size, existsSync(file('etc'))]).toEqual([0, false])
})
