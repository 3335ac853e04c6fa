import { Type as t } from 'typebox'
import { adminPass, bool, closed, description, diskConfig, fqdn, hostname, integer, ip, metadata, name, tag, trustedCerts, uuid } from '../shapes.ts'

/** What `POST /servers` takes, version by version: each says only what it changes. */
const volumeSize = t.Union([integer(1), t.Null(), t.Literal('')])
const legacyBlock = {
  virtual_name: t.Optional(t.String({ maxLength: 255 })), volume_id: t.Optional(uuid), snapshot_id: t.Optional(uuid), volume_size: t.Optional(volumeSize),
  device_name: t.Optional(t.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' })), delete_on_termination: t.Optional(bool),
  no_device: t.Optional(t.Unknown()), connection_info: t.Optional(t.String({ maxLength: 16777215 })),
}
const block = {
  ...legacyBlock, source_type: t.Optional(t.Enum(['volume', 'image', 'snapshot', 'blank'])), destination_type: t.Optional(t.Enum(['local', 'volume'])),
  uuid: t.Optional(t.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' })), image_id: t.Optional(uuid), guest_format: t.Optional(t.String({ maxLength: 255 })),
  device_type: t.Optional(t.String({ maxLength: 255 })), disk_bus: t.Optional(t.String({ maxLength: 255 })),
  boot_index: t.Optional(t.Union([t.Integer(), t.String({ pattern: '^-?[0-9]+$' }), t.Null()])),
}
const blocks = (more = {}) => t.Optional(t.Array(t.Object({ ...block, ...more }, closed)))
const port = t.Optional(t.Union([uuid, t.Null()]))
const networks = (more = {}) => t.Array(t.Object({ uuid: t.Optional(t.String({ maxLength: 255 })), fixed_ip: t.Optional(ip), port, ...more }, closed))
const networksOrWord = (more = {}) => t.Union([t.Array(t.Object({ uuid: t.Optional(uuid), fixed_ip: t.Optional(ip), port, ...more }, closed)), t.Enum(['none', 'auto'])])
const tagged = { tag: t.Optional(tag) }
const ids = t.Union([uuid, t.Array(uuid)])
const hints = t.Object({ group: t.Optional(t.Union([uuid, t.Array(uuid, { minItems: 1 })])), different_host: t.Optional(ids), same_host: t.Optional(ids), build_near_host_ip: t.Optional(ip), cidr: t.Optional(t.String({ pattern: '^/[0-9a-f.:]+$' })) })

const v1 = {
  name, flavorRef: t.Union([t.String({ minLength: 1, maxLength: 255 }), t.Integer()]), imageRef: t.Optional(t.String({ maxLength: 255 })), adminPass: t.Optional(adminPass),
  metadata: t.Optional(metadata), networks: t.Optional(networks()), 'OS-DCF:diskConfig': t.Optional(diskConfig), accessIPv4: t.Optional(ip), accessIPv6: t.Optional(ip),
  personality: t.Optional(t.Array(t.Object({ path: t.String(), contents: t.String() }, closed))), availability_zone: t.Optional(name),
  block_device_mapping: t.Optional(t.Array(t.Object(legacyBlock, closed))), block_device_mapping_v2: blocks(), config_drive: t.Optional(bool), key_name: t.Optional(name),
  min_count: t.Optional(integer(1)), max_count: t.Optional(integer(1)), return_reservation_id: t.Optional(bool),
  security_groups: t.Optional(t.Array(t.Object({ name: t.Optional(name) }, closed))), user_data: t.Optional(t.Union([t.String({ maxLength: 65535 }), t.Null()])),
}
const v19 = { ...v1, description: t.Optional(description) }
const v33 = { ...v19, networks: t.Optional(networks(tagged)) }
const v37 = { ...v33, networks: networksOrWord() }
const v42 = { ...v37, networks: networksOrWord(tagged), block_device_mapping_v2: blocks(tagged) }
const v52 = { ...v42, tags: t.Optional(t.Array(tag, { maxItems: 50 })) }
const { personality: _gone, ...v57 } = v52
const v63 = { ...v57, trusted_image_certificates: t.Optional(trustedCerts) }
const v67 = { ...v63, block_device_mapping_v2: blocks({ ...tagged, volume_type: t.Optional(t.Union([t.String({ minLength: 0, maxLength: 255 }), t.Null()])) }) }
const v74 = { ...v67, host: t.Optional(fqdn), hypervisor_hostname: t.Optional(fqdn) }
const v90 = { ...v74, hostname: t.Optional(hostname) }

const body = <S extends Parameters<typeof t.Object>[0]>(server: S) => t.Object({ server: t.Object(server, closed), 'os:scheduler_hints': t.Optional(hints), 'OS-SCH-HNT:scheduler_hints': t.Optional(hints) }, closed)

export const createBody = {
  '2.1': body(v1), '2.19': body(v19), '2.32': body({ ...v33, block_device_mapping_v2: blocks(tagged) }), '2.33': body(v33), '2.37': body(v37), '2.42': body(v42), '2.52': body(v52),
  '2.57': body(v57), '2.63': body(v63), '2.67': body(v67), '2.74': body(v74), '2.90': body(v90), '2.94': body({ ...v90, hostname: t.Optional(fqdn) }),
}
