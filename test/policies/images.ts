/** UKIs for the tests of policies, in memory and in files. */

import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { bytesSource } from '../../src/bytes/source.ts'
import { openPe } from '../../src/formats/pe/index.ts'
import { openUki } from '../../src/formats/uki/index.ts'
import { policyPublicKey } from '../../src/keys/policy-key.ts'
import type { PolicySigning } from '../../src/policies/sign.ts'
import { makeTestKey, signRaw, type TestAlgorithm } from '../keys/test-keys.ts'
import { type MadeSection, makeUki } from '../support/pe.ts'

export async function ukiOf(bytes: Uint8Array) {
  return openUki(await openPe(bytesSource(bytes)))
}

/** A UKI in a file, with room for signatures in each of its places. */
export function writeUki(path: string, sections: readonly MadeSection[]): string {
  writeFileSync(path, makeUki(sections))
  return path
}

/** Room for signatures, filled with blanks as ukify does. */
export const room = (size = 32_768): MadeSection => ({ name: '.pcrsig', content: ' '.repeat(size) })

/** A key that signs policies. */
export function makePolicyKey(algorithm: TestAlgorithm = 'rsa2048') {
  const { key, keyPem, certificatePem } = makeTestKey(algorithm)
  const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
  const signing = (): PolicySigning => ({
    publicKey: policyPublicKey(Buffer.from(publicKeyPem), 'the key'),
    signer: { sign: async ({ payload }) => signRaw(key, payload) },
  })
  return { key, keyPem, certificatePem, publicKeyPem, signing }
}
