import { existsSync, readFileSync } from 'node:fs'
import { sh } from '../steps.ts'

/** The stock clients this test speaks with, and what the tests of the host play guests with, by the Debian package each comes in. */
const clients: Record<string, string> = { openstack: 'python3-openstackclient', cinder: 'python3-cinderclient', ssh: 'openssh-client', curl: 'curl', busybox: 'busybox-static', heat: 'python3-heatclient', aws: 'awscli', 'ovs-vsctl': 'openvswitch-switch', ethtool: 'ethtool' }

const there = (command: string) => ['/usr/bin', '/usr/local/bin', '/bin', '/usr/sbin', '/sbin'].some((dir) => existsSync(`${dir}/${command}`))
const absent = () => Object.keys(clients).filter((c) => !there(c))
/** Without these there is no story to tell. */
export const missing = () => absent().filter((c) => !['busybox', 'ovs-vsctl', 'ethtool'].includes(c))
const isDebian = () => { try { return /^(ID|ID_LIKE)=.*\bdebian\b/m.test(readFileSync('/etc/os-release', 'utf8')) } catch { return false } }
export const rootOnDebian = () => process.getuid?.() === 0 && isDebian()

/** Installs what is missing of them, where that can be done; throws when it can and fails. */
export async function install(): Promise<void> {
  const wanted = absent().map((c) => clients[c])
  if (!wanted.length || !rootOnDebian()) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l', LC_ALL: 'C' }
  const apt = (...args: string[]) => sh('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=900', '-o', 'Acquire::Retries=3', ...args], { env, timeout: 1_200_000 })
  await apt('install', '--no-install-recommends', ...wanted).catch(async () => {
    await apt('update')
    await apt('install', '--no-install-recommends', ...wanted)
  })
  if (missing().length) throw new Error(`still not there: ${missing().join(', ')}`)
}
