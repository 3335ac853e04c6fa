import ipaddr from 'ipaddr.js'
import type { Json } from '../template/types.ts'

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i
const dns = (v: string) => v.length <= 255 && v.replace(/\.$/, '').split('.').every((l) => label.test(l))
const cidr = (v: string) => { try { ipaddr.parseCIDR(v); return /^[\d.]+\/\d+$|:/.test(v) && (v.includes(':') || v.split('/')[0].split('.').length === 4) } catch { return false } }
const wrong = (test: (v: string) => boolean, words: (v: string) => string) => (v: Json) => (typeof v === 'string' && (v === '' || test(v)) ? undefined : words(String(v)))

/** Constraints that a value can be judged by alone. */
const formats: Record<string, (v: Json) => string | undefined> = {
  ip_addr: wrong((v) => ipaddr.isValid(v) && (v.includes(':') || v.split('.').length === 4), (v) => `Invalid IP address: ${v}`),
  ip_or_cidr: wrong((v) => ipaddr.isValid(v) || cidr(v), (v) => `Invalid net cidr: ${v}`),
  net_cidr: wrong(cidr, (v) => `Invalid net cidr invalid IPNetwork ${v}`),
  mac_addr: wrong((v) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(v), (v) => `Invalid MAC address: ${v}`),
  dns_name: wrong(dns, (v) => `'${v}' not in valid format. Reason: it is no DNS name.`),
  dns_domain: wrong((v) => dns(v) && v.endsWith('.'), (v) => `'${v}' must end with '.'.`),
  rel_dns_name: wrong((v) => dns(v) && !v.endsWith('.'), (v) => `'${v}' must not end with '.'.`),
  iso_8601: wrong((v) => !Number.isNaN(Date.parse(v)), (v) => `'${v}' is not a valid ISO 8601 time.`),
  expiration: wrong((v) => Date.parse(v) > Date.now(), (v) => `Expiration ${v} is invalid: Expiration time is out of date.`),
  timezone: wrong((v) => { try { new Intl.DateTimeFormat('en', { timeZone: v }); return true } catch { return false } }, (v) => `Invalid timezone: '${v}'`),
  cron_expression: wrong((v) => v.trim().split(/\s+/).length >= 5, (v) => `Invalid CRON expression: ${v}`),
  json_string: wrong((v) => { try { JSON.parse(v); return true } catch { return false } }, (v) => `"${v}" is not a valid JSON string`),
  'neutron.segment_type': () => undefined,
}
export const formatOf = (name: string) => formats[name]
