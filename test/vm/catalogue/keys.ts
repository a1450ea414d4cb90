/** The keys of the catalogue, by who trusts them. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateKey, type KeyAlgorithm } from '../../../src/keys/generate.ts'
import { type KeyFiles, makeKey } from '../../support/keys.ts'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'

/** Certificates in the UEFI db, which the kernel puts into its platform keyring. */
export const DB = ['platform-rsa2048', 'platform-rsa4096', 'platform-p256', 'issuer'] as const
/** Certificates in verity.d, where systemd looks and the kernel does not. */
export const VERITY_D = ['installed-rsa4096', 'installed-p256'] as const

export type KeyName =
  | (typeof DB)[number]
  | (typeof VERITY_D)[number]
  /** Certificates made by `issuer`. */
  | 'issued'
  | 'issued-without-identifier'
  /** Known to nobody. */
  | 'stranger'

export type Keys = Readonly<Record<KeyName, KeyFiles>>

/** Makes all of them in `folder`: two as `extsign keys new` does, the others with openssl. */
export async function makeKeys(folder: string): Promise<Keys> {
  const generate = (name: KeyName, algorithm: KeyAlgorithm) => {
    const commonName = `TEST-DO-NOT-USE ${name}`
    const file = `${name}.TEST-DO-NOT-USE`
    const times = { days: 3650, now: new Date() }
    return generateKey({ directory: folder, name: file, algorithm, commonName, ...times })
  }
  const issuer = makeKey(folder, 'rsa2048', 'issuer')
  return {
    'platform-rsa2048': makeKey(folder, 'rsa2048', 'platform-rsa2048'),
    'platform-rsa4096': await generate('platform-rsa4096', 'rsa4096'),
    'platform-p256': await generate('platform-p256', 'p256'),
    'installed-rsa4096': makeKey(folder, 'rsa4096', 'installed-rsa4096'),
    'installed-p256': makeKey(folder, 'p256', 'installed-p256'),
    stranger: makeKey(folder, 'rsa2048', 'stranger'),
    issuer,
    issued: issue(folder, issuer, 'issued', 'keyid:always'),
    'issued-without-identifier': issue(folder, issuer, 'issued-without-identifier', 'none'),
  }
}

/** A key whose certificate `issuer` signs. */
function issue(
  folder: string,
  issuer: KeyFiles,
  name: string,
  authorityKeyIdentifier: string,
): KeyFiles {
  const { privateKey, certificate } = makeKey(folder, 'rsa2048', name)
  const request = join(folder, `${name}.csr`)
  const extensions = join(folder, `${name}.extensions`)
  const subject = ['-subj', `/CN=TEST-DO-NOT-USE ${name}`]
  output(tool('openssl'), ['req', '-new', '-key', privateKey, ...subject, '-out', request])
  writeFileSync(extensions, `authorityKeyIdentifier = ${authorityKeyIdentifier}\n`)
  const authority = ['-CA', issuer.certificate, '-CAkey', issuer.privateKey]
  const content = ['-in', request, '-days', '3650', '-sha256', '-extfile', extensions]
  output(tool('openssl'), ['x509', '-req', ...content, ...authority, '-out', certificate])
  return { privateKey, certificate }
}
