// @ts-check
/**
 * `npm run demo`: from a fresh clone to two signed and verified images.
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

say('Done. What there is now:')
for (const path of [PRIVATE_KEY, CERTIFICATE, ...IMAGES.map(({ image }) => image)]) {
  console.log(`  ${path}`)
}

/** @param {string} text */
function say(text) {
  console.log(`\n${text}`)
}

/** @param {string[]} args */
function extsign(...args) {
  console.log(`\n$ extsign ${args.join(' ')}`)
  const { status, signal, error } = spawnSync(process.execPath, [EXTSIGN, ...args], {
    env: { PATH: '' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) throw error
  if (status !== 0) {
    console.error(`${relative(ROOT, EXTSIGN)} ended with ${status ?? signal}`)
    process.exit(1)
  }
}
