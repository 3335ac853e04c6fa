import { networkInterfaces } from 'node:os'
import { isIP } from 'node:net'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { physicalNetworks } from '../bridge/core/physical.ts'

export type NetworkDriver = 'linuxbridge' | 'openvswitch'

export interface Options {
  data: string
  port: number
  listen: string
  /** How clients and hosts reach the cloud, when that is not simply the address it listens on: a name, a proxy with TLS. */
  publicUrl?: string
  /** Absent: libvirt where it can be, else simulated. */
  hypervisor?: 'libvirt' | 'simulated'
  /** Hosts on this machine; 0 runs the control plane alone. Absent: as before, else one. */
  hosts?: number
  /** What carries networks between several real hosts. Absent: as before, else the kernel. */
  networkDriver?: NetworkDriver
  /** The device that leads to each physical network; for several hosts a bridge of this machine. Absent: as before, else none. */
  physical?: Record<string, string>
  hostPackages: boolean
  /** An object store and a database that others run; 'local': the cloud's own again. Absent: as before, else its own. */
  s3Url?: string
  libsqlUrl?: string
}

/** Real hosts on one machine: their addresses towards each other are from one /24. */
const mostReal = 64

export class Usage extends Error {}

export const usage = `npm start -- [--data DIR] [--port PORT] [--listen ADDR] [--public-url URL] [--hypervisor libvirt|simulated] [--hosts N]
             [--network-driver linuxbridge|openvswitch] [--physical-network NAME=DEV]... [--no-host-packages] [--s3-url URL] [--libsql-url URL]

  --data DIR             where everything is kept (./data)
  --port PORT            where the APIs are served (8080)
  --listen ADDR          address they are served on (127.0.0.1; 0.0.0.0 for all)
  --public-url URL       how it is reached from outside, behind a name or a proxy (http://ADDR:PORT)
  --hypervisor KIND      libvirt: real guests, needs root on Linux; simulated: guests that exist in name only
  --hosts N              hosts on this machine (1); 0: the control plane alone; more than one is simulated, unless --hypervisor libvirt asks for
                         that many real ones, each in namespaces of its own
  --network-driver NAME  what carries networks between several real hosts: the kernel's tunnels (linuxbridge) or Open vSwitch
  --physical-network NAME=DEV
                         flat and VLAN networks on NAME leave by this device; with several real hosts DEV is a bridge of this machine, on which
                         each of them gets a port
  --no-host-packages     install no Debian packages
  --s3-url URL           keep bytes in this S3, not in DIR/s3; keys: S3_ACCESS_KEY, S3_SECRET_KEY (also S3_BUCKET, REGION_S3, S3_PUBLIC_URL)
  --libsql-url URL       keep rows in this libSQL server, not in DIR/db; its token: LIBSQL_TOKEN
                         both are remembered, keys too; the word local in place of a URL goes back to the cloud's own`

/** Reads the command line of `npm start`; what is wrong with it is thrown as Usage. */
export function parse(args: string[]): Options {
  let values
  try {
    ({ values } = parseArgs({ args, strict: true, allowNegative: true, options: {
      data: { type: 'string', default: 'data' }, port: { type: 'string', default: '8080' }, listen: { type: 'string', default: '127.0.0.1' },
      'public-url': { type: 'string' }, hypervisor: { type: 'string' }, hosts: { type: 'string' }, 'network-driver': { type: 'string' }, 'physical-network': { type: 'string', multiple: true }, 'host-packages': { type: 'boolean', default: true },
      's3-url': { type: 'string' }, 'libsql-url': { type: 'string' }, help: { type: 'boolean' },
    } }))
  } catch (e) { throw new Usage((e as Error).message) }
  if (values.help) throw new Usage('')
  const whole = (name: string, text: string, from: number, to: number) => {
    const n = Number(text)
    if (!/^\d+$/.test(text) || n < from || n > to) throw new Usage(`--${name} takes a number from ${from} to ${to}, not '${text}'`)
    return n
  }
  const { hypervisor, 'network-driver': networkDriver } = values
  if (hypervisor !== undefined && hypervisor !== 'libvirt' && hypervisor !== 'simulated') throw new Usage(`--hypervisor is libvirt or simulated, not '${hypervisor}'`)
  if (networkDriver !== undefined && networkDriver !== 'linuxbridge' && networkDriver !== 'openvswitch') throw new Usage(`--network-driver is linuxbridge or openvswitch, not '${networkDriver}'`)
  if (!isIP(values.listen)) throw new Usage(`--listen takes an IP address, not '${values.listen}'`)
  const publicUrl = values['public-url']?.replace(/\/+$/, '')
  if (publicUrl !== undefined && !/^https?:\/\/[^/?#]+$/.test(publicUrl)) throw new Usage(`--public-url is http:// or https:// and a host, without a path, not '${publicUrl}'`)
  const store = (name: 's3-url' | 'libsql-url', shape: RegExp, like: string) => {
    const url = values[name]?.replace(/\/+$/, '')
    if (url !== undefined && url !== 'local' && !(shape.test(url) && URL.canParse(url))) throw new Usage(`--${name} is ${like}, or the word local, not '${url}'`)
    return url
  }
  if (!values.data) throw new Usage('--data takes a folder')
  const hosts = values.hosts === undefined ? undefined : whole('hosts', values.hosts, 0, 10_000)
  if (hypervisor === 'libvirt' && hosts! > mostReal) throw new Usage(`--hosts takes a number up to ${mostReal} with --hypervisor libvirt, not '${hosts}'`)
  return {
    data: path.resolve(values.data), port: whole('port', values.port, 1, 65535), listen: values.listen, publicUrl, hypervisor, hosts, networkDriver, physical: values['physical-network'] && physical(values['physical-network']), hostPackages: values['host-packages'],
    s3Url: store('s3-url', /^https?:\/\/[^?#@]+$/, 'http:// or https:// and a host'), libsqlUrl: store('libsql-url', /^(https?|libsql):\/\/[^?#@]+$/, 'http://, https:// or libsql:// and a host'),
  }
}

/** The outside network is the cloud's own here. */
function physical(named: string[]): Record<string, string> {
  try {
    const out = physicalNetworks(named)
    if (out.external) throw new Error('--physical-network external is what this cloud makes itself: choose another name')
    return out
  } catch (e) { throw new Usage((e as Error).message) }
}

/** An address as it stands in a URL. */
export const bracketed = (address: string) => isIP(address) === 6 ? `[${address}]` : address

/** Under which address others reach what listens on `listen`: itself, or this machine's first own address for "all". */
export function reachable(listen: string): string {
  if (listen !== '0.0.0.0' && listen !== '::') return listen
  const own = Object.values(networkInterfaces()).flat().filter((a) => a && !a.internal && (a.family === 'IPv4' || listen === '::' && !a.address.startsWith('fe80')))
  return (own.find((a) => a!.family === 'IPv4') ?? own[0])?.address ?? (listen === '::' ? '::1' : '127.0.0.1')
}
