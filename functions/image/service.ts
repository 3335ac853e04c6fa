import { admin, adminOrReader, any, authenticated, projectMember, projectReader, role } from '../kernel/policy.ts'
import { service } from '../kernel/service.ts'

/** Minors a client may count on: 2.8, 2.9, 2.13 are of several stores. */
const minors = [15, 14, 12, 11, 10, 7, 6, 5, 4, 3, 2, 1, 0]
const versions = (origin: string) => ({
  versions: minors.map((n, i) => ({ id: `v2.${n}`, status: i === 0 ? 'CURRENT' : 'SUPPORTED', links: [{ rel: 'self', href: `${origin}/image/v2/` }] })),
})
const reasons: Record<number, string> = {
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone',
  413: 'Request Entity Too Large', 415: 'Unsupported Media Type', 416: 'Range Not Satisfiable', 500: 'Internal Server Error', 501: 'Not Implemented', 503: 'Service Unavailable',
}
const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const anyMember = any(admin, role('member'))

export const image = service({
  name: 'image', type: 'image', mount: '/image', prefixes: ['/v2'], strictSlash: true,
  rules: {
    add_image: projectMember, get_images: adminOrReader, get_image: adminOrReader, modify_image: projectMember, delete_image: projectMember,
    upload_image: projectMember, download_image: adminOrReader, publicize_image: admin, communitize_image: projectMember, deactivate: projectMember, reactivate: projectMember,
    add_member: projectMember, get_members: adminOrReader, modify_member: projectMember, delete_member: projectMember,
    get_task: projectReader, add_task: anyMember, tasks_api_access: admin, stores_info: authenticated, stores_info_detail: admin, get_image_location: admin,
    get_metadef: authenticated, modify_metadef: admin, cache_list: admin, cache_image: admin, cache_delete: admin,
  },
  statuses: { overQuota: 413 },
  render: (f, status) => ({
    type: 'text/html; charset=UTF-8',
    body: `<html>\n <head>\n  <title>${status} ${reasons[status] ?? 'Error'}</title>\n </head>\n <body>\n  <h1>${status} ${reasons[status] ?? 'Error'}</h1>\n  ${escape(f.message)}<br /><br />\n\n\n </body>\n</html>`,
  }),
  versions: (path, origin) =>
    path === '' ? { status: 300, body: versions(origin) } : path === '/versions' ? { status: 200, body: versions(origin) } : path === '/v2' ? { status: 300, body: versions(origin) }
      : path === '/healthcheck' ? { status: 200, body: { detailed: false, reasons: ['OK'] } } : undefined,
})
export const { endpoint } = image
