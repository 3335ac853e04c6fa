import { CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES } from '../images/model.ts'

/** The documents clients check images, members, tasks and definitions against, in glance's own (draft 4) dialect. */
type Doc = Record<string, unknown>
const uuid = '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'
const text = (description: string, more: Doc = {}): Doc => ({ type: 'string', description, ...more })
const maybe = (description: string, more: Doc = {}): Doc => ({ type: ['null', 'string'], description, ...more })
const whole = (description: string, more: Doc = {}): Doc => ({ type: 'integer', description, ...more })
const ro = { readOnly: true }
const list = (name: string, key: string, item: Doc): Doc => ({
  name, properties: { [key]: { type: 'array', items: item }, schema: { type: 'string' }, next: { type: 'string' }, first: { type: 'string' } },
  links: [{ rel: 'next', href: '{next}' }, { rel: 'first', href: '{first}' }, { rel: 'describedby', href: '{schema}' }],
})

const image: Doc = {
  name: 'image',
  properties: {
    id: text('The image\'s id', { pattern: uuid }), name: maybe('A name', { maxLength: 255 }), status: text('Where it is in its life', { ...ro, enum: ['queued', 'saving', 'active', 'killed', 'deleted', 'uploading', 'importing', 'pending_delete', 'deactivated'] }),
    visibility: text('Who may use it', { enum: [...VISIBILITIES] }), protected: { type: 'boolean', description: 'Refuses to be deleted' }, os_hidden: { type: 'boolean', description: 'Left out of lists' },
    checksum: maybe('MD5 of the data', { ...ro, maxLength: 32 }), os_hash_algo: maybe('The secure digest\'s name', { ...ro, maxLength: 64 }), os_hash_value: maybe('The secure digest of the data', { ...ro, maxLength: 128 }),
    owner: maybe('The project it belongs to', { maxLength: 255 }), size: { type: ['null', 'integer'], ...ro, description: 'Bytes of data' }, virtual_size: { type: ['null', 'integer'], ...ro, description: 'Bytes of the disk within' },
    container_format: { type: ['null', 'string'], description: 'What the data is wrapped in', enum: [null, ...CONTAINER_FORMATS] }, disk_format: { type: ['null', 'string'], description: 'The data\'s format', enum: [null, ...DISK_FORMATS] },
    created_at: text('Since when it is known', ro), updated_at: text('When it last changed', ro), tags: { type: 'array', description: 'Words to find it by', items: { type: 'string', maxLength: 255 } },
    direct_url: text('Never shown here', ro), min_ram: whole('MiB of memory a server needs'), min_disk: whole('GiB of disk a server needs'), self: text('This image', ro), file: text('Its data', ro), schema: text('This document', ro),
    stores: text('Where the data is kept', ro), architecture: maybe('Instruction set', { is_base: false }), kernel_id: maybe('A kernel image', { pattern: uuid, is_base: false }), ramdisk_id: maybe('A ramdisk image', { pattern: uuid, is_base: false }),
    os_distro: maybe('Distribution', { is_base: false }), os_version: maybe('Version of the system', { is_base: false }), instance_uuid: maybe('The server it was made from', { is_base: false }),
  },
  additionalProperties: { type: ['null', 'string'] },
  links: [{ rel: 'self', href: '{self}' }, { rel: 'enclosure', href: '{file}' }, { rel: 'describedby', href: '{schema}' }],
}
const member: Doc = {
  name: 'member',
  properties: { member_id: text('The project'), image_id: text('The image', { pattern: uuid }), status: text('Its answer', { enum: ['pending', 'accepted', 'rejected'] }), created_at: text('Since when'), updated_at: text('When it last changed'), schema: text('This document', ro) },
}
const task: Doc = {
  name: 'task',
  properties: {
    id: text('The task\'s id', { pattern: uuid }), type: text('What it does', { enum: ['import', 'export', 'clone', 'api_image_import'] }), status: text('How far it is', { enum: ['pending', 'processing', 'success', 'failure'] }),
    input: { type: ['null', 'object'] }, result: { type: ['null', 'object'] }, owner: text('The project'), message: maybe('What there is to say'), image_id: maybe('The image'), request_id: maybe('The request'), user_id: maybe('Who asked'),
    expires_at: maybe('When it is forgotten'), created_at: text('Since when'), updated_at: text('When it last changed'), self: text('This task', ro), schema: text('This document', ro),
  },
}
const stamps = { created_at: text('Since when', { ...ro, format: 'date-time' }), updated_at: text('When it last changed', { ...ro, format: 'date-time' }) }
const property: Doc = {
  name: { type: 'string', maxLength: 255 }, title: { type: 'string' }, description: { type: 'string' }, type: { type: 'string', enum: ['array', 'boolean', 'integer', 'number', 'object', 'string', null] }, operators: { type: 'array', items: { type: 'string' } },
  default: {}, enum: { type: 'array' }, items: { type: 'object' }, minimum: { type: 'number' }, maximum: { type: 'number' }, minLength: { type: 'integer' }, maxLength: { type: 'integer' }, pattern: { type: 'string', format: 'regex' }, minItems: { type: 'integer' }, maxItems: { type: 'integer' }, uniqueItems: { type: 'boolean' },
  additionalItems: { type: 'boolean' }, readonly: { type: 'boolean' },
}
const object: Doc = { name: 'object', properties: { name: { type: 'string', maxLength: 255 }, description: { type: 'string' }, required: { type: 'array', items: { type: 'string' } }, properties: { type: 'object' }, ...stamps, self: { type: 'string' }, schema: { type: 'string' } }, required: ['name'], additionalProperties: false }
const tag: Doc = { name: 'tag', properties: { name: { type: 'string', maxLength: 255 }, ...stamps }, required: ['name'], additionalProperties: false }
const association: Doc = { name: 'resource_type_association', properties: { name: { type: 'string', maxLength: 80 }, prefix: { type: 'string', maxLength: 80 }, properties_target: { type: 'string', maxLength: 80 }, ...stamps }, required: ['name'], additionalProperties: false }
const namespace: Doc = {
  name: 'namespace',
  properties: {
    namespace: { type: 'string', maxLength: 80 }, display_name: { type: 'string', maxLength: 80 }, description: { type: 'string', maxLength: 500 }, visibility: { type: 'string', enum: ['public', 'private'] }, protected: { type: 'boolean' }, owner: { type: 'string', maxLength: 255 },
    ...stamps, schema: { type: 'string' }, self: { type: 'string' }, resource_type_associations: { type: 'array' }, properties: { type: 'object' }, objects: { type: 'array' }, tags: { type: 'array' },
  },
  required: ['namespace'], additionalProperties: false,
}

export const documents: Record<string, Doc> = {
  image, images: list('images', 'images', image), member, members: { name: 'members', properties: { members: { type: 'array', items: member }, schema: { type: 'string' } }, links: [{ rel: 'describedby', href: '{schema}' }] },
  task, tasks: list('tasks', 'tasks', task),
  'metadefs/namespace': namespace, 'metadefs/namespaces': list('namespaces', 'namespaces', namespace),
  'metadefs/resource_type': association, 'metadefs/resource_types': { name: 'resource_type_associations', properties: { resource_type_associations: { type: 'array', items: association }, schema: { type: 'string' } } },
  'metadefs/property': { name: 'property', properties: property, required: ['name', 'title', 'type'], additionalProperties: false }, 'metadefs/properties': { name: 'properties', properties: { properties: { type: 'object', additionalProperties: { type: 'object', properties: property } }, schema: { type: 'string' } } },
  'metadefs/object': object, 'metadefs/objects': list('objects', 'objects', object), 'metadefs/tag': tag, 'metadefs/tags': list('tags', 'tags', tag),
}
