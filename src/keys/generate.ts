/** `extsign keys new`: a key and its certificate as two files, both or none, never over others. */

import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { FileError, KeyError } from '../errors.ts'
import { withNewFolders } from '../files/new-folders.ts'
import { commitOutputs } from '../files/output.ts'
import { createOutputs } from '../files/outputs.ts'
import { formatPem } from '../formats/x509/pem.ts'
import { fingerprintOf } from './certificate.ts'
import { viewOf } from './key-material.ts'
import type { KeyAlgorithm, KeyPair } from './make-key-pair.ts'

export type { KeyAlgorithm } from './make-key-pair.ts'

export const KEY_ALGORITHMS: readonly KeyAlgorithm[] = [
  'rsa4096',
  'rsa3072',
  'rsa2048',
  'p256',
  'p384',
]

export interface GenerateKeyOptions {
  /** Made where it does not exist. */
  readonly directory: string
  /** Files are `<name>.key` and `<name>.crt`. */
  readonly name: string
  readonly algorithm: KeyAlgorithm
  /** Subject of the certificate, 1 to 64 characters. Default: the name. */
  readonly commonName?: string | undefined
  /** Days of validity, from `now`. */
  readonly days: number
  /** The clock. */
  readonly now: Date
  /** Encrypts the private key. */
  readonly passphrase?: Uint8Array | undefined
}

export interface GeneratedKey {
  readonly privateKey: string
  readonly certificate: string
  readonly algorithm: KeyAlgorithm
  readonly commonName: string
  /** SHA-256 of the certificate's DER. */
  readonly fingerprint: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly encrypted: boolean
}

/** A hundred years, leap days included. */
export const MAX_DAYS = 36_525
const DAY = 24 * 60 * 60 * 1000

/**
 * Makes a private key (PKCS#8, mode 0600) and its self-signed certificate (mode 0644), both or neither.
 *
 * The key gets its name last: where the process is killed in between, no key is there that could be in
 * use, and the next run removes the certificate.
 *
 * @throws KeyError BAD_OPTION, EXISTS; FileError where the files cannot be written.
 */
export async function generateKey(options: GenerateKeyOptions): Promise<GeneratedKey> {
  const { name, days, passphrase } = options
  assertOptions(name, options.commonName ?? name, days, passphrase)
  return withNewFolders(async (folders) => {
    folders.make(options.directory, 0o700)
    return writePair(options)
  })
}

async function writePair(options: GenerateKeyOptions): Promise<GeneratedKey> {
  const { directory, name, algorithm, days, now, passphrase } = options
  const commonName = options.commonName ?? name
  const privateKey = join(directory, `${name}.key`)
  const certificate = join(directory, `${name}.crt`)
  const files = { privateKey, certificate }
  const outputs = await createOutputs([
    { path: certificate, mode: 0o644 },
    { path: privateKey, mode: 0o600 },
  ]).catch((error) => explain(error, files))
  const notBefore = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const notAfter = new Date(notBefore.getTime() + days * DAY)
  try {
    const { makeKeyPair } = await import('./make-key-pair.ts')
    const serial = new Uint8Array(randomBytes(16))
    const subject = { algorithm, commonName, serial, notBefore, notAfter }
    const pair = await makeKeyPair({ ...subject, passphrase })
    try {
      assertUsable(pair, passphrase)
      const [certificateFile, keyFile] = outputs
      const pem = formatPem('CERTIFICATE', pair.certificate)
      await certificateFile?.write(new TextEncoder().encode(pem), 0)
      await keyFile?.write(pair.privateKeyPem, 0)
      await commitOutputs(outputs).catch((error) => explain(error, files))
    } finally {
      pair.privateKeyPem.fill(0)
    }
    const fingerprint = fingerprintOf(pair.certificate)
    const encrypted = passphrase !== undefined
    return { ...files, algorithm, commonName, fingerprint, notBefore, notAfter, encrypted }
  } finally {
    for (const output of outputs) await output.abort()
  }
}

function assertOptions(
  name: string,
  commonName: string,
  days: number,
  passphrase: Uint8Array | undefined,
): void {
  const fail = (message: string) => new KeyError('BAD_OPTION', message)
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name)) {
    throw fail(`key name ${JSON.stringify(name)} is not of letters, digits, '.', '_' and '-'`)
  }
  const size = [...commonName].length
  if (size < 1 || size > 64) {
    throw fail(`common name of ${size} characters, 1 to 64 are allowed`)
  }
  if (/[\p{Cc}\p{Cs}]/u.test(commonName)) throw fail('common name with control characters')
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS) {
    throw fail(`validity of ${days} days, 1 to ${MAX_DAYS} are allowed`)
  }
  if (passphrase?.length === 0) throw fail('the passphrase is empty')
}

/** Another library than the one that made the pair must open it before it is handed out. */
function assertUsable({ privateKeyPem, certificate }: KeyPair, passphrase?: Uint8Array): void {
  const key = createPrivateKey({
    key: viewOf(privateKeyPem),
    ...(passphrase ? { passphrase: viewOf(passphrase) } : {}),
  })
  const parsed = new X509Certificate(certificate)
  if (!parsed.checkPrivateKey(key) || !parsed.verify(parsed.publicKey)) {
    throw new Error('the new certificate does not fit the new key')
  }
}

type PairPaths = Pick<GeneratedKey, 'privateKey' | 'certificate'>

/** What is in the way, and what of a pair it is. */
async function explain(error: unknown, { privateKey, certificate }: PairPaths): Promise<never> {
  const isTaken =
    error instanceof FileError && (error.code === 'EXISTS' || error.code === 'NOT_A_FILE')
  const [hasKey, hasCertificate] = [await exists(privateKey), await exists(certificate)]
  if (!isTaken || (!hasKey && !hasCertificate)) throw error
  const [there, missing] = hasKey ? [privateKey, certificate] : [certificate, privateKey]
  const hint =
    hasKey && hasCertificate
      ? 'choose another name, or move the old pair away'
      : `${missing} is not there: choose another name, or move what is there away if nothing uses it`
  const message = `${there} exists, and keys are never replaced`
  throw new KeyError('EXISTS', message, { hint, cause: error })
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
