// @ts-check
/**
 * `npm run demo`: from a fresh clone to two signed and verified images, and two credentials sealed for
 * a machine and opened again.
 *
 * Every step is the built command, run as a user would, with an empty PATH: it needs no other
 * program. All of it lands in `build/demo`, which git ignores.
 */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { EXTSIGN, prepare, ROOT } from './prepare.mjs'

const FOLDER = 'build/demo'
const PRIVATE_KEY = `${FOLDER}/keys/demo.key`
const CERTIFICATE = `${FOLDER}/keys/demo.crt`
const IMAGES = [
  { kind: 'sysext', tree: 'extensions/hello', image: `${FOLDER}/hello.sysext.raw` },
  { kind: 'confext', tree: 'confexts/site', image: `${FOLDER}/site.confext.raw` },
]

const HOST_SECRET = `${FOLDER}/machine.secret`
const MACHINE_ID = '00112233445566778899aabbccddeeff'

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

const credentials = readCredentials()
for (const { file, name, content, sealed } of credentials) {
  say(`${file} becomes a credential that only this machine opens:`)
  const options = ['--name', name, '--host-secret', HOST_SECRET, '--machine-id', MACHINE_ID]
  extsignWithInput(content, 'cred', 'encrypt', ...options, '-', sealed)
  extsign('cred', 'inspect', sealed)
  const opened = extsignOutput(
    'cred',
    'decrypt',
    '--name',
    name,
    '--host-secret',
    HOST_SECRET,
    sealed,
  )
  if (opened !== content) throw new Error(`${sealed} opens to something else`)
  console.log(opened.trimEnd())
}

say('Done. What there is now:')
const images = IMAGES.map(({ image }) => image)
const sealed = credentials.map((credential) => credential.sealed)
for (const path of [PRIVATE_KEY, CERTIFICATE, ...images, HOST_SECRET, ...sealed]) {
  console.log(`  ${path}`)
}

/** @param {string} text */
function say(text) {
  console.log(`\n${text}`)
}

/** What `credentials/` describes, each with the place for the sealed one. */
function readCredentials() {
  const files = readdirSync('credentials').filter((file) => file.endsWith('.json'))
  return files.map((file) => {
    const { name, content } = JSON.parse(readFileSync(join('credentials', file), 'utf8'))
    return { file: `credentials/${file}`, name, content, sealed: `${FOLDER}/${name}.cred` }
  })
}

/** @param {string[]} args */
function extsign(...args) {
  run(args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

/**
 * @param {string} input
 * @param {string[]} args
 */
function extsignWithInput(input, ...args) {
  run(args, { stdio: ['pipe', 'inherit', 'inherit'], input })
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
    env: { PATH: '' },
  })
  if (error) throw error
  if (status !== 0) {
    console.error(`${relative(ROOT, EXTSIGN)} ended with ${status ?? signal}`)
    process.exit(1)
  }
  return String(stdout ?? '')
}
