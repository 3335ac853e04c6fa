/** Helpers that kernels have, by what they speak; the names are both the API's and nftables'. */
export const helpers: Record<string, { protocols: string[] }> = {
  amanda: { protocols: ['udp'] }, ftp: { protocols: ['tcp'] }, 'h323': { protocols: ['udp', 'tcp'] }, irc: { protocols: ['tcp'] }, 'netbios-ns': { protocols: ['udp'] },
  pptp: { protocols: ['tcp'] }, sip: { protocols: ['tcp', 'udp'] }, snmp: { protocols: ['udp'] }, tftp: { protocols: ['udp'] },
}
