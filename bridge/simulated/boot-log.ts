import type { DomainSpec } from '../../schema/jobs.ts'

/** What a guest would have written to its serial console since it was first started: one kernel's worth of lines per boot. */
export function bootLog(spec: DomainSpec, boots: number[], now: number): string {
  return boots.map((at, index) => boot(spec, Math.max(0, (boots[index + 1] ?? now) - at))).join('')
}

/** Lines appear as time passes, all within a second, as a quick little image would boot. */
function boot(spec: DomainSpec, ms: number): string {
  const lines = script(spec)
  const shown = lines.filter(([at]) => at * 1000 <= ms)
  return shown.map(([at, text]) => (text.startsWith('!') ? text.slice(1) : `[${at.toFixed(6).padStart(12)}] ${text}`) + '\n').join('')
}

function script(spec: DomainSpec): [number, string][] {
  const host = spec.name.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 63) || 'guest'
  const kb = spec.memoryMb * 1024
  const texts = [
    'Linux version 6.1.0-simulated (virga@simulated) #1 SMP PREEMPT_DYNAMIC',
    'Command line: root=/dev/vda1 ro console=tty1 console=ttyS0',
    'BIOS-provided physical RAM map:',
    `BIOS-e820: [mem 0x0000000000000000-0x${(kb * 1024 - 1).toString(16).padStart(16, '0')}] usable`,
    'NX (Execute Disable) protection: active',
    'SMBIOS 2.8 present.',
    `DMI: Virga Virtual Machine (simulated), ${spec.machine ?? 'pc'}`,
    'Hypervisor detected: simulated',
    'tsc: Detected 2400.000 MHz processor',
    `Memory: ${Math.floor(kb * 0.93)}K/${kb}K available`,
    `smpboot: Allowing ${spec.vcpus} CPUs, 0 hotplug CPUs`,
    'rcu: Hierarchical RCU implementation.',
    'Console: colour VGA+ 80x25',
    'printk: console [ttyS0] enabled',
    'clocksource: refined-jiffies: mask: 0xffffffff',
    ...Array.from({ length: Math.min(spec.vcpus, 64) }, (_, cpu) => `smp: CPU ${cpu} is up`),
    'devtmpfs: initialized',
    'NET: Registered PF_NETLINK/PF_ROUTE protocol family',
    'PCI: Using configuration type 1 for base access',
    'SCSI subsystem initialized',
    'NET: Registered PF_INET protocol family',
    'NET: Registered PF_INET6 protocol family',
    'Trying to unpack rootfs image as initramfs...',
    'Freeing initrd memory: 1344K',
    'Serial: 8250/16550 driver, 4 ports, IRQ sharing enabled',
    ...spec.disks.map(({ device, bus }) => `${bus === 'virtio' ? 'virtio_blk' : bus}: [${device}] attached ${bus} disk`),
    ...spec.nics.map(({ mac, model, mtu }, index) => `${model === 'virtio' ? 'virtio_net' : model}: eth${index}: ${mac}, MTU ${mtu}`),
    'Freeing unused kernel image (initmem) memory: 2796K',
    'Run /init as init process',
    'EXT4-fs (vda1): mounted filesystem with ordered data mode',
    'random: crng init done',
    ...spec.nics.map((_, index) => `!udhcpc: eth${index}: lease obtained`),
    spec.configDrive ? '!guest: config drive found' : '!guest: metadata from http://169.254.169.254/',
    `!guest: hostname ${host}`,
    '!guest: starting sshd',
    '!guest: ready',
    '!',
    `!Virga simulated guest ${host} ttyS0`,
    '!',
    `!${host} login: `,
  ]
  return texts.map((text, index) => [index * 0.5 / texts.length, text])
}
