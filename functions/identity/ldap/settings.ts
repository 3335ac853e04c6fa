import type { domainConfig } from '../../../schema/identity.ts'
import type { Env } from '../../kernel/env.ts'
import { unseal } from '../seal.ts'
import { DEFAULTS } from '../domains/config.ts'

/** A domain's directory as its configuration describes it, by the names that Keystone has for each option. */
export interface Directory {
  urls: string[]; user: string; password: string; suffix: string; scope: 'one' | 'sub'; pageSize: number; startTls: boolean; verify: boolean; ca: string
  users: { base: string; filter: string; objectClass: string; id: string; name: string; mail: string; description: string; enabled: string; invert: boolean; mask: number; enabledDefault: string; emulation?: { dn: string; member: string } }
  groups: { base: string; filter: string; objectClass: string; id: string; name: string; member: string; description: string; ids: boolean }
}
export type ConfigRow = typeof domainConfig.$inferSelect

/** Undefined for domains whose users are kept here. */
export async function directoryOf(env: Env, rows: ConfigRow[]): Promise<Directory | undefined> {
  const of = (group: string, option: string): unknown => rows.find((r) => r.group === group && r.option === option)?.value ?? DEFAULTS[group][option]
  if (of('identity', 'driver') !== 'ldap') return undefined
  const text = (option: string) => String(of('ldap', option) ?? ''), secret = rows.find((r) => r.group === 'ldap' && r.option === 'password'), yes = (option: string) => /^(true|1)$/i.test(text(option)), suffix = text('suffix')
  return {
    urls: text('url').split(',').map((u) => u.trim()), user: text('user'), password: secret ? await unseal(env, `${secret.domain}/ldap/password`, String(secret.value)) : '', suffix, scope: text('query_scope') === 'sub' ? 'sub' : 'one', pageSize: Number(of('ldap', 'page_size')) || 500,
    startTls: yes('use_tls'), verify: text('tls_req_cert') !== 'never', ca: text('tls_cacertfile'),
    users: {
      base: text('user_tree_dn') || `ou=Users,${suffix}`, filter: text('user_filter'), objectClass: text('user_objectclass'), id: text('user_id_attribute'), name: text('user_name_attribute'), mail: text('user_mail_attribute'), description: text('user_description_attribute'),
      enabled: text('user_enabled_attribute'), invert: yes('user_enabled_invert'), mask: Number(of('ldap', 'user_enabled_mask')) || 0, enabledDefault: text('user_enabled_default'),
      ...(yes('user_enabled_emulation') && { emulation: {
        dn: text('user_enabled_emulation_dn') || `cn=enabled_users,${text('user_tree_dn') || `ou=Users,${suffix}`}`, member: yes('user_enabled_emulation_use_group_config') ? text('group_member_attribute') : 'member',
      } }),
    },
    groups: {
      base: text('group_tree_dn') || `ou=UserGroups,${suffix}`, filter: text('group_filter'), objectClass: text('group_objectclass'), id: text('group_id_attribute'), name: text('group_name_attribute'), member: text('group_member_attribute'), description: text('group_desc_attribute'),
      ids: yes('group_members_are_ids'),
    },
  }
}
