import { boolean, formerly, integer, length, list, live, map, oneOf, range, required, text, type Property } from '../../provider.ts'
import { format } from '../formats.ts'
import { portExtras } from '../neutron/port-schema.ts'

const block = { volume_id: text({ find: 'cinder.volume' }), snapshot_id: text({ find: 'cinder.snapshot' }), volume_size: integer(), delete_on_termination: boolean() }
const network = map({
  network: text({ find: 'neutron.network' }), uuid: formerly('network'), allocate_network: text({ ...oneOf('none', 'auto'), ...live }), fixed_ip: text(format('ip_addr')), port: text({ find: 'neutron.port' }), port_extra_properties: map(portExtras, live),
  subnet: text({ find: 'neutron.subnet' }), floating_ip: text({ find: 'neutron.floatingip' }), tag: text(),
})
export const TRANSPORTS = ['POLL_SERVER_CFN', 'POLL_SERVER_HEAT', 'POLL_TEMP_URL', 'ZAQAR_MESSAGE']

export const properties: Record<string, Property> = {
  name: text(live), image: text({ ...live, find: 'glance.image' }), flavor: text({ ...required, ...live, find: 'nova.flavor' }), key_name: text({ find: 'nova.keypair' }),
  flavor_update_policy: text({ default: 'RESIZE', ...live, ...oneOf('RESIZE', 'REPLACE') }), image_update_policy: text({ default: 'REBUILD', ...live, ...oneOf('REBUILD', 'REPLACE', 'REBUILD_PRESERVE_EPHEMERAL') }),
  block_device_mapping: list(map({ device_name: text(required), ...block })),
  block_device_mapping_v2: list(map({
    device_name: text(), ...block, image: text({ find: 'glance.image' }), image_id: formerly('image'), swap_size: integer(), ephemeral_size: integer(range(1)), ephemeral_format: text(oneOf('ext2', 'ext3', 'ext4', 'xfs', 'ntfs')), device_type: text(oneOf('cdrom', 'disk')),
    disk_bus: text(oneOf('ide', 'lame_bus', 'scsi', 'usb', 'virtio', 'sata')), boot_index: integer(), volume_type: text({ find: 'cinder.vtype' }),
  })),
  admin_user: text({ support: { status: 'HIDDEN' }, ignored: true }), availability_zone: text(), security_groups: list(undefined, { default: [] }), networks: list(network, live), scheduler_hints: map(undefined), metadata: map(undefined, { default: {}, ...live }),
  user_data_format: text({ default: 'HEAT_CFNTOOLS', ...oneOf('HEAT_CFNTOOLS', 'RAW', 'SOFTWARE_CONFIG') }), software_config_transport: text({ default: 'POLL_TEMP_URL', ...live, ...oneOf(...TRANSPORTS), description: 'Agents read what concerns them from an address that is signed for their server, whichever way of polling is named.' }),
  user_data_update_policy: text({ default: 'REPLACE', ...live, ...oneOf('REPLACE', 'IGNORE', 'REBUILD') }), user_data: text({ default: '', ...live }), reservation_id: text(), config_drive: boolean(), diskConfig: text(oneOf('AUTO', 'MANUAL')),
  personality: map(undefined, { support: { status: 'DEPRECATED', version: '12.0.0', message: 'Files are not injected: use user_data.' } }), admin_pass: text({ ...live, hidden: true }), tags: list(text(length(1, 60)), live),
  deployment_swift_data: map({ container: text(length(1)), object: text(length(1)) }, { default: {}, ...live, description: 'Without effect: what agents read comes from the orchestration service itself.' }),
}
