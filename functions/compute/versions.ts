/** The newest version is the one whose every row and field is answered. */
export const range = { min: '2.1', max: '2.96' }

const media = [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }]
const described = { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' }

/** Version documents: both roots at the mount, each at its own path. */
export const versions = (path: string, origin: string): { status: number; body: unknown } | undefined => {
  const root = `${origin}/compute`
  const v20 = { id: 'v2.0', status: 'SUPPORTED', version: '', min_version: '', updated: '2011-01-21T11:33:21Z', links: [{ rel: 'self', href: `${root}/v2/` }] }
  const v21 = { id: 'v2.1', status: 'CURRENT', version: range.max, min_version: range.min, updated: '2013-07-23T11:33:21Z', links: [{ rel: 'self', href: `${root}/v2.1/` }] }
  if (path === '') return { status: 200, body: { versions: [v20, v21] } }
  const one = { '/v2': v20, '/v2.1': v21, '/v2.1/versions/v2.1': v21, '/v2.1/versions/v2.0': v20 }[path]
  return one && { status: 200, body: { version: { ...one, links: [...one.links, described], 'media-types': media } } }
}
