/** DHCP options by the names dnsmasq's and neutron's users know, as code numbers. */
const v4: Record<string, number> = {
  'netmask': 1, 'time-offset': 2, 'router': 3, 'time-server': 4, 'dns-server': 6, 'log-server': 7, 'lpr-server': 9, 'hostname': 12, 'boot-file-size': 13, 'domain-name': 15,
  'swap-server': 16, 'root-path': 17, 'extension-path': 18, 'ip-forward-enable': 19, 'mtu': 26, 'interface-mtu': 26, 'broadcast': 28, 'nis-domain': 40, 'nis-server': 41,
  'ntp-server': 42, 'vendor-encap': 43, 'netbios-ns': 44, 'requested-address': 50, 'lease-time': 51, 'vendor-class': 60, 'tftp-server': 66, 'tftp-server-name': 66,
  'bootfile-name': 67, 'smtp-server': 69, 'domain-search': 119, 'sip-server': 120, 'classless-static-route': 121, 'server-ip-address': 150, 'tftp-server-address': 150, 'wpad': 252,
}
const v6: Record<string, number> = { 'dns-server': 23, 'domain-search': 24, 'sntp-server': 31, 'bootfile-url': 59, 'bootfile-param': 60, 'ntp-server': 56 }

/** Undefined for a name nobody knows or a value that no option could have: it is left out, alone. */
export function dhcpOption(o: { opt_name: string; opt_value: string; ip_version: number }): { code: number; value: string; family: 4 | 6 } | undefined {
  const family = o.ip_version === 6 ? 6 : 4
  const code = /^\d{1,3}$/.test(o.opt_name) ? Number(o.opt_name) : (family === 6 ? v6 : v4)[o.opt_name.replace(/^option6?:/, '')]
  if (!code || code > 254 || !/^[\x20-\x7e]{1,255}$/.test(o.opt_value)) return undefined
  return { code, value: o.opt_value, family }
}
