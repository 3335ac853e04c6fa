/** Tokens are random; what is kept of them finds them again and is good for nothing else. */
export async function hashOf(token: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)))
  return [...hash].map((b) => b.toString(16).padStart(2, '0')).join('')
}
