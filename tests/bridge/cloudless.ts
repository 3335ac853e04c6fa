import { execFileSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Net } from '../../bridge/drivers.ts'
import { libvirtDrivers } from '../../bridge/libvirt/index.ts'
import { Virsh } from '../../bridge/libvirt/virsh.ts'
import { startLibvirt } from '../../local/host/libvirtd.ts'
import { make } from '../../local/layout.ts'
import { guest } from '../../local/setup/guest.ts'
import { Supervisor } from '../../local/supervisor.ts'

/** Why libvirt cannot be tested here, or undefined. */
export function unable(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root'
  for (const program of ['libvirtd', 'virtlogd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'genisoimage']) {
    try { execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }) } catch { return `no ${program}` }
  }
}

/** A hypervisor without a cloud: a libvirt of its own, drivers whose disks lie on a small file system, the tiny guest's image. */
export async function hypervisor(tag: string, megabytes: number) {
  const dir = mkdtempSync(join(tmpdir(), 'virga-libvirt-'))
  const at = make(dir)
  const state = at.in('bridge')
  // Mounted before libvirt starts, so that both see it.
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'virga-test', state])
  const supervisor = new Supervisor(at, () => {})
  const uri = await startLibvirt(at, supervisor)
  const taps = new Set<string>()
  const net = { tap: (port: string) => {
    const name = `vt${tag}${port.slice(0, 8)}`
    if (!taps.has(name)) { execFileSync('ip', ['tuntap', 'add', 'mode', 'tap', 'name', name]); taps.add(name) }
    return name
  } } as Net
  const bytes = readFileSync((await guest(at.in('log', 'guest.log'), () => {})).image)
  const served = new Map<string, Buffer>()
  let asked = 0
  const server: Server = createServer((request, response) => { asked++; const body = served.get(request.url!); response.writeHead(body ? 200 : 404).end(body) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  /** An image as the control plane would describe it, and where its bytes are. */
  const image = (content: Buffer = bytes, format: 'raw' | 'qcow2' = 'qcow2') => {
    const id = randomUUID()
    served.set(`/${id}`, content)
    return { ref: { id, format, size: content.length, sha512: createHash('sha512').update(content).digest('hex') }, url: async () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${id}` }
  }
  const make_ = () => libvirtDrivers({ stateDir: state, uri, virtType: 'qemu', tag, net })
  const drivers = await make_()
  const virsh = new Virsh(uri)
  return {
    dir, state, uri, net, image, virsh, drivers, make: make_, asked: () => asked, daemon: at.in('libvirt'),
    /** Runs a shell command inside a guest through its agent; what it printed. */
    async inside(uuid: string, command: string): Promise<string> {
      const ask = async (execute: string, args: object) => JSON.parse(await virsh.agent(`virga-${tag}-${uuid}`, { execute, arguments: args }, 20)).return
      const { pid } = await ask('guest-exec', { path: '/bin/sh', arg: ['-c', command], 'capture-output': true })
      for (;;) {
        const status = await ask('guest-exec-status', { pid })
        if (!status.exited) { await new Promise((r) => setTimeout(r, 100)); continue }
        const text = (key: string) => Buffer.from(status[key] ?? '', 'base64').toString()
        if (status.exitcode !== 0) throw new Error(`in the guest: ${command}: ${status.exitcode} ${text('err-data')}`)
        return text('out-data').trim()
      }
    },
    async close() {
      await drivers.wipe()
      await drivers.virt.close!()
      await supervisor.stopAll(['libvirtd'])
      server.close()
      for (const tap of taps) execFileSync('ip', ['link', 'del', tap])
      execFileSync('umount', [state])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
