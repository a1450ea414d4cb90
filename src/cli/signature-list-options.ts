/** `CERT…`, `--sha256`, `--list` and `--owner`: what goes into a Secure Boot variable. */

import { concat } from '../bytes/concat.ts'
import { fromHex } from '../bytes/hex.ts'
import { readSmallFile } from '../files/text.ts'
import { decodeSignatureLists } from '../formats/efi-signature-list/decode.ts'
import { encodeSignatureLists, makeSignatureLists } from '../formats/efi-signature-list/encode.ts'
import { loadCertificate } from '../keys/certificate.ts'
import { findKeyringWarnings } from '../trust/enrollment.ts'
import { option, optionalPositionals, options, type ValuesOf } from './arguments.ts'
import { blame, UsageError } from './errors.ts'
import { file, named, uuid, type ValueType } from './types.ts'

const digest: ValueType<Uint8Array> = {
  placeholder: 'HEX',
  parse(value) {
    const bytes = fromHex(value)
    if (bytes?.length === 32) return bytes
    throw new UsageError(`'${value}' is not a SHA-256 digest of 64 hexadecimal digits`)
  },
}

export const ownerOption = {
  owner: option({
    long: 'owner',
    type: named('GUID', uuid),
    description: 'whose the entries are; by default derived from each',
  }),
}

export const signatureListOptions = {
  certificates: optionalPositionals({
    type: named('CERT', file),
    description: 'certificates, PEM or DER, one in each file',
  }),
  sha256: options({
    long: 'sha256',
    type: digest,
    description: 'the Authenticode digest of a program',
  }),
  list: options({
    long: 'list',
    type: file,
    description: 'the signature lists in this file too',
  }),
  ...ownerOption,
}

export interface LoadedLists {
  readonly bytes: Uint8Array
  /** How many entries there are. */
  readonly entries: number
  readonly warnings: readonly string[]
}

/** @throws UsageError where there is nothing; KeyError, FileError, and an error that names the list. */
export async function loadLists(
  values: ValuesOf<typeof signatureListOptions>,
): Promise<LoadedLists> {
  const { sha256: digests, list: files, owner } = values
  const certificates = await loadCertificates(values.certificates)
  const made = makeSignatureLists({ certificates, digests, owner })
  const read: Uint8Array[] = []
  for (const path of files) {
    const bytes = await readSmallFile(path)
    await Promise.resolve(bytes).then(decodeSignatureLists).catch(blame(path))
    read.push(bytes)
  }
  const bytes = concat(encodeSignatureLists(made), ...read)
  const entries = decodeSignatureLists(bytes).reduce(
    (sum, { entries: { length } }) => sum + length,
    0,
  )
  if (entries === 0) throw new UsageError('CERT is missing: there is nothing to put in')
  return { bytes, entries, warnings: findKeyringWarnings(certificates) }
}

/** DER of certificates, one in each file. @throws KeyError; UsageError where a file has several. */
export async function loadCertificates(paths: readonly string[]): Promise<readonly Uint8Array[]> {
  const certificates: Uint8Array[] = []
  for (const path of paths) {
    const { der, certificatesInFile } = await loadCertificate(path)
    if (certificatesInFile > 1) {
      throw new UsageError(`${path} holds ${certificatesInFile} certificates: which one?`, {
        hint: 'give each in a file of its own',
      })
    }
    certificates.push(der)
  }
  return certificates
}
