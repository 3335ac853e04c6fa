import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import path from 'node:path'

const openPort = () => new Promise<number>((done) => { const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address() as AddressInfo; s.close(() => done(port)) }) })
const answers = (port: number) => new Promise<boolean>((done) => { const s = connect(port, '127.0.0.1', () => { s.destroy(); done(true) }); s.on('error', () => done(false)) })
const INSTALLED = '/usr/share/simplesamlphp'

/** A SAML provider that others wrote: Debian's SimpleSAMLphp under PHP's own server; installed when it is not there and may be. */
export async function simplesaml(under: string, sp: { entityId: string; acs: string; ecp: string }) {
  if (!existsSync(INSTALLED) || !existsSync('/usr/bin/php')) {
    try { execFileSync('apt-get', ['-q', '-y', 'install', '--no-install-recommends', 'simplesamlphp', 'php-cli', 'php-xml', 'php-mbstring', 'php-curl'], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: 'ignore' }) } catch { throw new Error('this test needs SimpleSAMLphp: apt-get install simplesamlphp php-cli php-xml php-mbstring php-curl') }
  }
  const dir = path.join(under, 'simplesaml'), port = await openPort(), base = `http://127.0.0.1:${port}/simplesaml`
  for (const d of ['config', 'metadata', 'cert', 'log', 'data', 'tmp', 'www']) mkdirSync(path.join(dir, d), { recursive: true })
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=idp', '-keyout', 'idp.key', '-out', 'idp.crt'], { cwd: path.join(dir, 'cert'), stdio: 'pipe' })
  const put = (file: string, php: string) => writeFileSync(path.join(dir, file), `<?php\n${php}\n`)
  put('config/config.php', `$config = ['baseurlpath' => '${base}/', 'certdir' => '${dir}/cert/', 'loggingdir' => '${dir}/log/', 'datadir' => '${dir}/data/', 'tempdir' => '${dir}/tmp/', 'metadatadir' => '${dir}/metadata/', 'secretsalt' => 'salt-of-a-test', 'auth.adminpassword' => 'x',
  'technicalcontact_email' => 'na@example.org', 'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true], 'session.cookie.secure' => false, 'session.cookie.samesite' => null, 'logging.handler' => 'file', 'logging.level' => 7, 'logging.logfile' => 'idp.log', 'showerrors' => true,
  'store.type' => 'phpsession', 'session.phpsession.savepath' => '${dir}/tmp', 'session.phpsession.cookiename' => 'idp', 'metadata.sources' => [['type' => 'flatfile']], 'language.default' => 'en', 'language.available' => ['en'], 'trusted.url.domains' => null, 'theme.use' => 'default', 'timezone' => 'UTC'];`)
  put('config/authsources.php', `$config = ['people' => ['exampleauth:UserPass', 'ada:engine' => ['uid' => ['ada'], 'mail' => ['ada@uni.test'], 'groups' => ['crew', 'readers']], 'bob:builder' => ['uid' => ['bob'], 'mail' => ['bob@uni.test']]]];`)
  put('metadata/saml20-idp-hosted.php', `$metadata['${base}/idp'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.key', 'certificate' => 'idp.crt', 'auth' => 'people', 'saml20.ecp' => true, 'saml20.sign.response' => true, 'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent', 'simplesaml.nameidattribute' => 'uid', 'authproc' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent']]];`)
  put('metadata/saml20-sp-remote.php', `$metadata['${sp.entityId}'] = ['AssertionConsumerService' => [['index' => 1, 'isDefault' => true, 'Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST', 'Location' => '${sp.acs}'], ['index' => 2, 'Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:PAOS', 'Location' => '${sp.ecp}']], 'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'];`)
  symlinkSync(path.join(INSTALLED, 'www'), path.join(dir, 'www', 'simplesaml'))
  // PHP's own server gives paths behind a script's name as they are, but files it serves by itself.
  put('www/router.php', `$p = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!preg_match('#^/simplesaml(/.*?\\.php)(/.*)?$#', $p, $m)) { if (is_file(__DIR__ . $p)) return false; $m = [0, rtrim(substr($p, 11), '/') . '/index.php']; }
$f = realpath('${INSTALLED}/www' . $m[1]); if (!$f) { http_response_code(404); exit; }
$_SERVER['SCRIPT_NAME'] = '/simplesaml' . $m[1]; $_SERVER['PHP_SELF'] = $_SERVER['SCRIPT_NAME']; $_SERVER['PATH_INFO'] = $m[2] ?? ''; $_SERVER['SCRIPT_FILENAME'] = $f; chdir(dirname($f)); require $f;`)
  const child = spawn('/usr/bin/php', ['-d', 'display_errors=0', '-S', `127.0.0.1:${port}`, '-t', path.join(dir, 'www'), path.join(dir, 'www/router.php')], { stdio: 'ignore', env: { ...process.env, SIMPLESAMLPHP_CONFIG_DIR: path.join(dir, 'config') } })
  for (let i = 0; i < 100 && !await answers(port); i++) await new Promise((r) => setTimeout(r, 50))
  const read = await fetch(`${base}/saml2/idp/metadata.php?output=xhtml`).then((r) => r.text())
  const metadata = await fetch(`${base}/saml2/idp/metadata.php`).then((r) => r.text())
  return { base, metadata, log: path.join(dir, 'log/idp.log'), page: read, stop: () => new Promise<void>((done) => { if (child.exitCode !== null) return done(); child.on('exit', () => done()); child.kill() }) }
}
