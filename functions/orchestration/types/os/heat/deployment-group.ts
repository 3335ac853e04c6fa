import type { Json } from '../../../template/index.ts'
import { changeChild, life, makeChild, memberOf } from '../../nested/child.ts'
import { list, live, map, oneOf, resourceType, text, type Reading, type ResourceType, type Work } from '../../provider.ts'
import { ACTIONS, TRANSPORTS } from './software-deployment.ts'

/** One deployment per server, in a stack of their own. */
export function groupType(name: string, of: string, more: ResourceType['properties'], status: 'SUPPORTED' | 'HIDDEN' = 'SUPPORTED'): ResourceType {
  const template = ({ servers, ...p }: Record<string, any>): Record<string, Json> => ({ heat_template_version: '2015-04-30', resources: Object.fromEntries(Object.entries(servers as Record<string, string>).map(([k, server]) => [k, { type: of, properties: { ...Object.fromEntries(Object.entries(p).filter(([, v]) => v !== undefined && v !== null)), server } as Json }])) })
  const child = (r: Work) => ({ source: { body: template(r.properties) }, front: 'heat' as const })
  const each = async (s: any, r: Reading, attribute: string) => Object.fromEntries(await Promise.all(Object.keys(s.resources).map(async (n) => [n, await memberOf(r as Work, s, n, attribute) ?? null])))
  return resourceType({
    name, description: `A ${of} for each of several servers.`, support: { status, version: '5.0.0' },
    properties: {
      config: text(live), servers: map(undefined, { required: true, ...live }), input_values: map(undefined, live), actions: list(text(oneOf(...ACTIONS)), { default: ['CREATE', 'UPDATE'], ...live }), name: text(live), signal_transport: text({ default: 'CFN_SIGNAL', ...oneOf(...TRANSPORTS) }), ...more,
    },
    attributes: {
      deploy_stdouts: { type: 'Map', of: (s, r) => each(s, r, 'deploy_stdout') }, deploy_stderrs: { type: 'Map', of: (s, r) => each(s, r, 'deploy_stderr') }, deploy_status_codes: { type: 'Map', of: (s, r) => each(s, r, 'deploy_status_code') },
      '*': { of: ((s: any, r: Reading, k: string) => each(s, r, k)) as never },
    },
    ...life, create: (r) => makeChild(r, child(r)), update: (r) => changeChild(r, child(r)),
  })
}
