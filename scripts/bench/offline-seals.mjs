// @ts-check
/**
 * Credentials for a TPM, sealed without it by the library in one thread: prints how many a second of
 * processor time.
 *
 *     node scripts/bench/offline-seals.mjs
 */

import { generateKeyPairSync, randomFillSync } from 'node:crypto'
import { formatCredential } from '../../dist/lib/formats/credential/index.js'
import { parseStorageKey } from '../../dist/lib/formats/tpm2/index.js'
import { makeTpmPart, sealCredential } from '../../dist/lib/index.js'

const COUNT = 3000
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const parent = parseStorageKey(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })))
const secret = new TextEncoder().encode('correct horse battery staple')
const random = (/** @type {number} */ size) => randomFillSync(new Uint8Array(size))
const policy = /** @type {const} */ ({ bank: 'sha256', literal: new Map(), publicKey: undefined })

await seal(COUNT / 10)
const before = process.cpuUsage()
await seal(COUNT)
const { user, system } = process.cpuUsage(before)
console.log(Math.round((COUNT * 1e6) / (user + system)))

/** @param {number} count */
async function seal(count) {
  for (let index = 0; index < count; index++) {
    const tpm = await makeTpmPart({ sealer: { kind: 'offline', parent }, policy, random })
    const times = { timestamp: undefined, notAfter: undefined }
    const { credential } = sealCredential({ name: `${index}`, ...times, secret, tpm, random })
    if (formatCredential(credential).length === 0) throw new Error('nothing was sealed')
  }
}
