/** RSA keys for PCR policies, and the plan of a rotation from the old one to the new one. */

import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Makes `old` and `new`, each a NAME.key and a NAME.pub in `folder`. */
export function writePolicyKeys(folder: string): void {
  for (const name of ['old', 'new']) {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' })
    writeFileSync(join(folder, `${name}.key`), pkcs8, { mode: 0o600 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    writeFileSync(join(folder, `${name}.pub`), pem)
  }
}

/** `pkfp` of a key: SHA-256 of its PKCS#1 form. */
export function policyKeyFingerprint(folder: string, name: string): string {
  const key = createPublicKey(readFileSync(join(folder, `${name}.pub`)))
  const der = key.export({ type: 'pkcs1', format: 'der' })
  return createHash('sha256').update(der).digest('hex')
}

/** The plan for policies; `more` are further lines. */
export function policyPlan(files: string, more = ''): string {
  return `
[[policies]]
files = "${files}"
old-public-key = "old.pub"
public-key = "new.pub"
private-key = "new.key"
${more}
`
}
