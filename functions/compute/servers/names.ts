/** A host name from a server's name: letters, digits and dashes, else its id. */
export function hostnameOf(name: string, id: string): string {
  const clean = name.normalize('NFKD').replace(/[ _]/g, '-').replace(/[^a-zA-Z0-9.-]/g, '').replace(/^[.-]+|[.-]+$/g, '').toLowerCase().replaceAll('.', '-').slice(0, 63).replace(/-+$/, '')
  return clean || `server-${id}`
}

/** r-xxxxxxxx, as EC2 and nova number reservations. */
export const reservationId = (random: Uint8Array) => `r-${[...random].map((b) => 'abcdefghijklmnopqrstuvwxyz0123456789'[b % 36]).join('')}`

/** A password people can type: no look-alikes. */
export const passwordOf = (random: Uint8Array) => [...random].map((b) => 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'[b % 56]).join('')
