/** Values that others computed: `test/vectors/tpm2`. */

import { readFileSync } from 'node:fs'
import { fromHex } from '../../../src/bytes/hex.ts'

const folder = new URL('../../vectors/tpm2/', import.meta.url)

/** Reads a field of `test/vectors/tpm2/sealed-offline.txt`. */
export function sealedOffline(field: string): Uint8Array {
  const text = readFileSync(new URL('sealed-offline.txt', folder), 'utf8')
  const match = new RegExp(`^${field}: ([0-9a-f]+)$`, 'm').exec(text)
  if (!match) throw new Error(`no field ${field}`)
  return fromHex(match[1]!)!
}

/** An RSA public key in PEM whose TPM name and fingerprint are known. */
export function policyKeyPem(): Uint8Array {
  return readFileSync(new URL('policy-key.TEST-DO-NOT-USE.pub', folder))
}
