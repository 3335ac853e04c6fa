/** `NAME=DEVICE`, as often as there are: the device that leads to each physical network. What is wrong with it is thrown. */
export function physicalNetworks(named: string[]): Record<string, string> {
  const out: Record<string, string> = {}
  for (const text of named) {
    const [, name, device] = /^([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})=([A-Za-z0-9_.-]{1,15})$/.exec(text) ?? []
    if (!name || !device) throw new Error(`--physical-network must be NAME=DEVICE, not ${text}`)
    if ((out[name] ?? device) !== device) throw new Error(`physical network ${name} is given two devices, ${out[name]} and ${device}`)
    const other = Object.keys(out).find((k) => k !== name && out[k] === device)
    if (other) throw new Error(`device ${device} cannot lead to two physical networks, ${other} and ${name}`)
    out[name] = device
  }
  return out
}
