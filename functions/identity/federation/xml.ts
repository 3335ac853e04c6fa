import { Buffer } from 'node:buffer'

/** XML written in its exclusive canonical form from the start, so that what is signed and what is sent are one text. */
const inText = (s: string) => s.replaceAll(/[&<>\r]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' })[c]!)
const inAttribute = (s: string) => s.replaceAll(/[&<"\t\n\r]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '"': '&quot;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' })[c]!)
export interface Xml { xml: string }
/** Namespaces first, then attributes, both in order. */
export function el(name: string, attributes: Record<string, string>, ...inside: (Xml | string)[]): Xml {
  const order = (a: string, b: string) => { const [x, y] = [a, b].map((n) => (n.startsWith('xmlns') ? `0${n}` : n.includes(':') ? `2${n}` : `1${n}`)); return x < y ? -1 : 1 }
  const text = Object.keys(attributes).sort(order).map((n) => ` ${n}="${inAttribute(attributes[n])}"`).join('')
  return { xml: `<${name}${text}>${inside.map((i) => (typeof i === 'string' ? inText(i) : i.xml)).join('')}</${name}>` }
}

const DS = 'http://www.w3.org/2000/09/xmldsig#', EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const der = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')

/** An enveloped RSA-SHA256 signature over an element of that id. */
export async function signature(pem: { key: string; certificate: string }, id: string, signed: Xml): Promise<Xml> {
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(signed.xml))).toString('base64')
  const info = (ns: Record<string, string>) => el('ds:SignedInfo', ns,
    el('ds:CanonicalizationMethod', { Algorithm: EXCLUSIVE }), el('ds:SignatureMethod', { Algorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256' }),
    el('ds:Reference', { URI: `#${id}` }, el('ds:Transforms', {}, el('ds:Transform', { Algorithm: `${DS}enveloped-signature` }), el('ds:Transform', { Algorithm: EXCLUSIVE })),
      el('ds:DigestMethod', { Algorithm: 'http://www.w3.org/2001/04/xmlenc#sha256' }), el('ds:DigestValue', {}, digest)))
  const key = await crypto.subtle.importKey('pkcs8', der(pem.key), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign'])
  const value = Buffer.from(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', key, new TextEncoder().encode(info({ 'xmlns:ds': DS }).xml))).toString('base64')
  return el('ds:Signature', { 'xmlns:ds': DS }, info({}), el('ds:SignatureValue', {}, value), keyInfo(pem.certificate))
}
export const keyInfo = (certificate: string, ns: Record<string, string> = {}) => el('ds:KeyInfo', ns, el('ds:X509Data', {}, el('ds:X509Certificate', {}, der(certificate).toString('base64'))))
export const DSIG = DS
