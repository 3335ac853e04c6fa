import { stringify } from 'yaml'
import { writeFile, type Layout } from './layout.ts'

interface Who { user: string; password: string; project: string }

/** The files by which clients reach the cloud: openrc (admin), demo-openrc, clouds.yaml with both. */
export function writeClientFiles(at: Layout, url: string, region: string, admin: Who, demo: Who): void {
  writeFile(at.in('openrc'), openrc(url, region, admin))
  writeFile(at.in('demo-openrc'), openrc(url, region, demo))
  writeFile(at.in('clouds.yaml'), stringify({ clouds: { virga: cloud(url, region, admin), 'virga-demo': cloud(url, region, demo) } }))
}

const authUrl = (url: string) => `${url}/identity/v3`
const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`

const openrc = (url: string, region: string, who: Who) => Object.entries({
  OS_AUTH_URL: authUrl(url), OS_IDENTITY_API_VERSION: '3', OS_USERNAME: who.user, OS_PASSWORD: who.password, OS_PROJECT_NAME: who.project,
  OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default', OS_REGION_NAME: region, OS_INTERFACE: 'public',
}).map(([name, value]) => `export ${name}=${quoted(value)}\n`).join('')

const cloud = (url: string, region: string, who: Who) => ({
  auth: { auth_url: authUrl(url), username: who.user, password: who.password, project_name: who.project, user_domain_name: 'Default', project_domain_name: 'Default' },
  region_name: region, identity_api_version: 3, interface: 'public',
})
