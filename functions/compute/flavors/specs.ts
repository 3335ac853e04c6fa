import { invalid } from '../../kernel/fault.ts'

/** Extra specs with a meaning, and what they may be; from 2.86 on what is misspelt is refused instead of ignored. */
const count = /^\d+$/, yes = /^(true|false|yes|no|1|0|on|off|t|f|y|n)$/i, any = /^.*$/s
const oneOf = (...words: string[]) => new RegExp(`^(${words.join('|')})$`)
const hw: Record<string, RegExp> = {
  cpu_policy: oneOf('dedicated', 'shared', 'mixed'), cpu_thread_policy: oneOf('prefer', 'isolate', 'require'), cpu_realtime: yes, cpu_realtime_mask: any, cpu_dedicated_mask: any, emulator_threads_policy: oneOf('isolate', 'share'), mem_page_size: /^(small|large|any|\d+([kKMG]i?[bB]|[kKMG])?)$/,
  mem_encryption: yes, mem_encryption_model: oneOf('amd-sev', 'amd-sev-es'), numa_nodes: count, pmem: any, pci_numa_affinity_policy: oneOf('required', 'preferred', 'legacy', 'socket'), pci_less_live_migration: yes, cpu_sockets: count, cpu_cores: count, cpu_threads: count, cpu_max_sockets: count, cpu_max_cores: count, cpu_max_threads: count,
  boot_menu: yes, vif_multiqueue_enabled: yes, locked_memory: yes, watchdog_action: oneOf('none', 'pause', 'poweroff', 'reset', 'disabled'), maxphysaddr_mode: oneOf('passthrough', 'emulate'), maxphysaddr_bits: count, viommu_model: oneOf('intel', 'smmuv3', 'virtio', 'auto'), tpm_version: oneOf('1.2', '2.0'), tpm_model: oneOf('tpm-tis', 'tpm-crb'),
  tpm_secret_security: any, virtio_packed_ring: yes, hide_hypervisor_id: yes, sound_model: any, usb_model: any, redirected_usb_ports: count, video_ram_max_mb: count, rng_allowed: yes,
}
const quota = /^(cpu_(shares|period|quota|shares_level|shares_share|limit|reservation)|memory_(limit|reservation|shares_level|shares_share)|disk_(read|write|total)_(bytes|iops)_sec(_max(_length)?)?|disk_io_(limit|reservation|shares_level|shares_share)|vif_(inbound|outbound)_(average|burst|peak)|vif_(limit|reservation|shares_level|shares_share))$/

export function checkSpecs(specs: Record<string, string>) {
  for (const [key, value] of Object.entries(specs)) {
    const [scope, ...rest] = key.split(':'), name = rest.join(':')
    const bad = () => invalid(`Validation failed; extra spec '${key}' does not appear to be a valid value: '${value}'`)
    const unknown = () => invalid(`Validation failed; extra spec '${key}' does not appear to be a valid extra spec.`)
    if (!rest.length) continue
    if (scope === 'hw') {
      const pattern = hw[name] ?? (/^numa_(cpus|mem)\.\d+$/.test(name) ? any : undefined)
      if (!pattern) throw unknown()
      if (!pattern.test(value)) throw bad()
    } else if (scope === 'quota') {
      if (!quota.test(name)) throw unknown()
    } else if (/^resources/.test(scope)) {
      if (!/^([A-Z0-9_]+)$/.test(name)) throw unknown()
      if (!count.test(value)) throw bad()
    } else if (/^trait/.test(scope)) {
      if (!/^([A-Z0-9_]+)$/.test(name)) throw unknown()
      if (!/^(required|forbidden)$/.test(value)) throw bad()
    } else if (scope === 'hw_rng' || scope === 'hw_video' || scope === 'os' || scope === 'pci_passthrough' || scope === 'accel') {
      const names = { hw_rng: /^(allowed|rate_bytes|rate_period)$/, hw_video: /^ram_max_mb$/, os: /^(secure_boot|monitors|resolution|vram|vgpu)$/, pci_passthrough: /^alias$/, accel: /^device_profile$/ }[scope]
      if (!names.test(name)) throw unknown()
    }
  }
}
