// @ts-check
/**
 * `npm run demo`: from a fresh clone to two signed and verified images, and two credentials sealed for
 * a machine and opened again.
 *
 * Every step is the built command, run as a user would, with an empty PATH: it needs no other
 * program. All of it lands in `build/demo`, which git ignores.
 */

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { relative } from 'node:path'
import { EXTSIGN, prepare, ROOT } from './prepare.mjs'

const FOLDER = 'build/demo'
const PRIVATE_KEY = `${FOLDER}/keys/demo.key`
const CERTIFICATE = `${FOLDER}/keys/demo.crt`
const IMAGES = [
  { kind: 'sysext', tree: 'extensions/hello', image: `${FOLDER}/hello.sysext.raw` },
  { kind: 'confext', tree: 'confexts/site', image: `${FOLDER}/site.confext.raw` },
]

const MANIFEST = 'credentials/web1.toml'
const HOST_SECRET = `${FOLDER}/web1.secret`
const MACHINE_ID = '00112233445566778899aabbccddeeff'
/** What is in the manifest, and the secrets, which are never in it. */
const CREDENTIALS = [
  {
    name: 'login.motd',
    variable: 'WEB1_MOTD',
    text: 'Welcome. This text was sealed for one machine and opened by no other.\n',
  },
  { name: 'firstboot.locale', variable: 'WEB1_LOCALE', text: 'C.UTF-8' },
].map((credential) => ({ ...credential, sealed: `${FOLDER}/${credential.name}.cred` }))

await prepare()
process.chdir(ROOT)
rmSync(FOLDER, { recursive: true, force: true })

say('A throw-away key, and the certificate that names it:')
extsign('keys', 'new', '--directory', `${FOLDER}/keys`, '--name', 'demo')

for (const { kind, tree, image } of IMAGES) {
  say(`${tree} becomes a signed ${kind} image:`)
  const key = ['--private-key', PRIVATE_KEY, '--certificate', CERTIFICATE]
  extsign(kind, tree, ...key, '--output', image)
}

say('Both are what the certificate says they are:')
extsign('verify', ...IMAGES.map(({ image }) => image), '--certificate', CERTIFICATE)

say('The host secret of a machine, which will come up with it:')
extsign('cred', 'setup', '--machine-id', MACHINE_ID, HOST_SECRET)

say(`${MANIFEST} lists credentials that only this machine opens:`)
sealCredentials(Object.fromEntries(CREDENTIALS.map(({ variable, text }) => [variable, text])))

for (const { name, text, sealed } of CREDENTIALS) {
  extsign('cred', 'inspect', sealed)
  const opened = extsignOutput('cred', 'decrypt', '--host-secret', HOST_SECRET, sealed)
  if (opened !== text) throw new Error(`${sealed} opens to something else than ${name}`)
  console.log(opened.trimEnd())
}

say('Done. What there is now:')
const images = IMAGES.map(({ image }) => image)
const sealed = CREDENTIALS.map((credential) => credential.sealed)
for (const path of [PRIVATE_KEY, CERTIFICATE, ...images, HOST_SECRET, ...sealed]) {
  console.log(`  ${path}`)
}

/** @param {string} text */
function say(text) {
  console.log(`\n${text}`)
}

/** @param {string[]} args */
function extsign(...args) {
  run(args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

/**
 * Seals what the manifest lists.
 * @param {Readonly<Record<string, string>>} env Its variables.
 */
function sealCredentials(env) {
  run(['cred', 'batch', MANIFEST], { stdio: ['ignore', 'inherit', 'inherit'], env })
}

/** @param {string[]} args */
function extsignOutput(...args) {
  return run(args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/**
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 */
function run(args, options) {
  console.log(`\n$ extsign ${args.join(' ')}`)
  const { status, signal, error, stdout } = spawnSync(process.execPath, [EXTSIGN, ...args], {
    ...options,
    env: { ...options.env, PATH: '' },
  })
  if (error) throw error
  if (status !== 0) {
    console.error(`${relative(ROOT, EXTSIGN)} ended with ${status ?? signal}`)
    process.exit(1)
  }
  return String(stdout ?? '')
}
