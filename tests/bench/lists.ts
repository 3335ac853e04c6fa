import type { Subject } from './subject.ts'

/** Short lists, as clients ask for before they do anything. */
export async function lists(s: Subject) {
  s.figures.title('Short lists')
  const project = (await s.call('GET', '/identity/v3/auth/tokens', undefined, { 'x-subject-token': s.token })).token.project.id as string
  for (const i of Array(10).keys()) {
    await s.call('POST', '/image/v2/images', { name: `bench-${i}`, disk_format: 'raw', container_format: 'bare' })
    await s.call('POST', '/network/v2.0/networks', { network: { name: `bench-${i}`, project_id: project } })
  }
  for (const [name, at, cpu] of [['flavor list', '/compute/v2.1/flavors/detail', 0.05], ['image list', '/image/v2/images', 0.07], ['network list', '/network/v2.0/networks', 0.55]] as const) {
    await s.measure(name, { n: s.scaled(4000), at: 16, cpu }, () => s.call('GET', at))
  }
}
