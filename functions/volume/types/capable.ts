/** What every host's disks are; a type that asks for something else finds no host. */
export const CAPABILITIES: Record<string, string> = { volume_backend_name: 'virga', vendor_name: 'Virga', storage_protocol: 'file', driver_version: '1.0', QoS_support: 'False', thin_provisioning_support: 'True', multiattach: 'False' }

/** The first demand of a type's extra specs that no host meets. */
export function unmet(specs: Record<string, string>): string | undefined {
  for (const [key, wanted] of Object.entries(specs)) {
    const [scope, name] = key.includes(':') ? [key.split(':')[0], key.slice(key.indexOf(':') + 1)] : ['capabilities', key]
    if (scope !== 'capabilities' || name === 'multiattach' && /false/i.test(wanted)) continue
    const value = wanted.replace(/^<is>\s*/, '').replace(/^(s==|<in>)\s*/, '')
    if (CAPABILITIES[name]?.toLowerCase() !== value.toLowerCase()) return `${key}=${wanted}`
  }
  return undefined
}
