/** A signer whose key is on a PKCS#11 token. */

import { createHash } from 'node:crypto'
import { concat } from '../../bytes/concat.ts'
import { fromHex } from '../../bytes/hex.ts'
import { FormatError, KeyError } from '../../errors.ts'
import { type Pkcs11Uri, parsePkcs11Uri } from '../../formats/pkcs11-uri.ts'
import type { LoadedCertificate } from '../certificate.ts'
import { readPassphraseFile } from '../passphrase.ts'
import type { SigningRequest } from '../signer.ts'
import { checkedSigner, type LoadedSigner } from './checked-signer.ts'
import { Mechanism } from './pkcs11-constants.ts'
import { openTokenKey, type Pkcs11, type TokenKey } from './pkcs11-token.ts'

export interface Pkcs11SignerOptions {
  /** RFC 7512. */
  readonly uri: string
  readonly certificate: LoadedCertificate
  /** Tried once. Absent where the URI names a file, or where it is asked for later. */
  readonly pin?: Uint8Array | undefined
  /** The package; by default `pkcs11js`, which the user has to have installed. */
  readonly load?: () => Promise<Pkcs11>
}

/** DER before a SHA-256 digest in a DigestInfo (RFC 8017 §9.2, note 1). */
const DIGEST_INFO = fromHex('3031300d060960864801650304020105000420')!

/**
 * Opens the token and finds the key.
 *
 * @throws KeyError BAD_OPTION for the URI, UNSUPPORTED without the package, NOT_FOUND,
 *   PASSPHRASE_NEEDED, WRONG_PASSPHRASE, SIGNER_FAILED.
 */
export async function pkcs11Signer(options: Pkcs11SignerOptions): Promise<LoadedSigner> {
  const uri = parseUri(options.uri)
  const load = options.load ?? loadPackage
  const fromFile =
    options.pin === undefined && uri.pinSource !== undefined
      ? await readPassphraseFile(uri.pinSource)
      : undefined
  try {
    const key = openTokenKey(await load(), uri, options.pin ?? fromFile?.bytes)
    const signer = checkedSigner({
      certificate: options.certificate,
      holder: 'the PKCS#11 token',
      sign: async (request) => signWith(key, request),
      forget: () => key.close(),
    })
    return { ...signer, warnings: fromFile?.warnings ?? [] }
  } finally {
    fromFile?.bytes.fill(0)
  }
}

function signWith(key: TokenKey, { digest, payload }: SigningRequest): Uint8Array {
  const hash = new Uint8Array(createHash(digest).update(payload).digest())
  if (key.kind === 'ec') return key.sign(Mechanism.ecdsa, hash)
  return key.sign(Mechanism.rsaPkcs, concat(DIGEST_INFO, hash))
}

function parseUri(text: string): Pkcs11Uri {
  try {
    const uri = parsePkcs11Uri(text)
    if (!uri.hasPinValue) return uri
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new KeyError('BAD_OPTION', error.message, { cause: error })
  }
  throw new KeyError(
    'BAD_OPTION',
    'the pkcs11 URI has the PIN in it, which others can read there',
    {
      hint: 'take out pin-value; pin-source names a file with the PIN',
    },
  )
}

async function loadPackage(): Promise<Pkcs11> {
  try {
    const { default: pkcs11js } = await import('pkcs11js')
    return new pkcs11js.PKCS11() as Pkcs11 // it takes handles as the buffers it gives
  } catch (cause) {
    throw new KeyError('UNSUPPORTED', 'the optional package pkcs11js is missing or does not load', {
      hint: 'npm install pkcs11js@2.1.7 beside extsign; it is compiled when it is installed',
      cause,
    })
  }
}
