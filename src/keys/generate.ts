/** `extsign keys new`: a key and its certificate as two files, both or none, never over others. */

import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ExtsignError, KeyError } from '../errors.ts'
import { toFileError } from '../files/errno.ts'
import { commitOutputs, createOutput, type Output } from '../files/output.ts'
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
 * Makes a private key (PKCS#8, mode 0600) and its self-signed certificate (mode 0644).
 *
 * @throws KeyError BAD_OPTION, EXISTS; FileError where the files cannot be written.
 */
export async function generateKey(options: GenerateKeyOptions): Promise<GeneratedKey> {
  const { directory, name, algorithm, days, now, passphrase } = options
  const commonName = options.commonName ?? name
  assertOptions(name, commonName, days, passphrase)
  const privateKey = join(directory, `${name}.key`)
  const certificate = join(directory, `${name}.crt`)
  await assertFree(privateKey)
  await assertFree(certificate)

  const { makeKeyPair } = await import('./make-key-pair.ts')
  const notBefore = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const notAfter = new Date(notBefore.getTime() + days * DAY)
  const pair = await makeKeyPair({
    algorithm,
    commonName,
    serial: new Uint8Array(randomBytes(16)),
    notBefore,
    notAfter,
    passphrase,
  })
  try {
    assertUsable(pair, passphrase)
    await makeDirectory(directory)
    await writePair(privateKey, certificate, pair)
  } finally {
    pair.privateKeyPem.fill(0)
  }
  return {
    privateKey,
    certificate,
    algorithm,
    commonName,
    fingerprint: fingerprintOf(pair.certificate),
    notBefore,
    notAfter,
    encrypted: passphrase !== undefined,
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

async function assertFree(path: string): Promise<void> {
  const exists = await lstat(path).then(
    () => true,
    () => false,
  )
  if (exists) throw existsError(path)
}

function existsError(path: string): KeyError {
  return new KeyError('EXISTS', `${path} exists, and keys are never replaced`, {
    hint: 'choose another name, or move the old pair away',
  })
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

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}

async function writePair(keyPath: string, certificatePath: string, pair: KeyPair): Promise<void> {
  const outputs: Output[] = []
  try {
    outputs.push(await createOutput(keyPath, { mode: 0o600 }))
    outputs.push(await createOutput(certificatePath, { mode: 0o644 }))
    const [key, certificate] = outputs as [Output, Output]
    await key.write(pair.privateKeyPem, 0)
    const pem = formatPem('CERTIFICATE', pair.certificate)
    await certificate.write(new TextEncoder().encode(pem), 0)
    await commitOutputs(outputs)
  } catch (error) {
    await Promise.all(outputs.map((output) => output.abort()))
    // Somebody else took the name meanwhile.
    if (error instanceof ExtsignError && error.code === 'EXISTS') {
      throw existsError(error.message.includes(certificatePath) ? certificatePath : keyPath)
    }
    throw error
  }
}
