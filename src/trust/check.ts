/**
 * `extsign trust check`: what systemd makes of the files in `verity.d`, and which images these
 * certificates vouch for.
 */

import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { KeyError } from '../errors.ts'
import { findKernelCertificateObjection } from '../formats/x509/kernel.ts'
import {
  findValidityWarning,
  type LoadedCertificate,
  loadCertificate,
} from '../keys/certificate.ts'
import { judgeCertificate } from '../keys/doors.ts'
import { type IgnoredFile, readTrustDirectories, VERITY_DIRECTORIES } from '../keys/trust.ts'
import { type CheckedImage, checkImage, type Remarks } from './check-image.ts'
import type { Candidates } from './explain.ts'

export interface TrustCheckOptions {
  /** `verity.d` directories, the strongest first. */
  readonly directories: readonly string[]
  /** Treat directories that do not exist as empty. */
  readonly allowMissing?: boolean | undefined
  readonly images?: readonly string[] | undefined
  /** The clock. */
  readonly now: Date
}

export interface TrustCheck {
  /** `wanting`: something is ignored that should not be, or an image is not accepted. */
  readonly verdict: 'ok' | 'wanting'
  /** What systemd uses, in its order. */
  readonly certificates: readonly CheckedCertificate[]
  /** What it does not use. */
  readonly ignored: readonly CheckedFile[]
  readonly images: readonly CheckedImage[]
}

export interface CheckedCertificate extends Remarks {
  readonly path: string
  readonly subject: string
  readonly issuer: string
  /** Hexadecimal. */
  readonly serial: string
  readonly fingerprint: string
}

export interface CheckedFile extends Remarks {
  readonly path: string
}

/**
 * Checks trust directories, and images against them. Data is not hashed: that is `verifyImage`'s.
 *
 * @throws KeyError where a directory cannot be read, FileError where an image cannot.
 */
export async function checkTrust(options: TrustCheckOptions): Promise<TrustCheck> {
  const { directories, allowMissing = false } = options
  const store = await readTrustDirectories(directories, { allowMissing })
  const unused = await loadIgnored(store.ignored)
  const candidates: Candidates = {
    used: store.certificates,
    ignored: unused.flatMap(({ certificate, file }) =>
      certificate ? [{ certificate, reason: file.reason }] : [],
    ),
  }
  const images: CheckedImage[] = []
  const signers = new Set<LoadedCertificate>()
  for (const path of options.images ?? []) {
    const { image, certificates } = await checkImage(path, store, candidates)
    images.push(image)
    for (const certificate of certificates) signers.add(certificate)
  }
  const asked = images.length > 0
  const certificates = store.certificates.map((certificate) => ({
    path: certificate.sourceFile,
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: toHex(certificate.serial),
    fingerprint: certificate.fingerprint,
    problems: findProblems(certificate, store.certificates),
    notes: [
      ...findNotes(certificate, store.certificates, options.now),
      ...(asked && !signers.has(certificate) ? ['it signed none of the images'] : []),
    ],
  }))
  const ignored = unused.map(({ file, certificate }) => judgeIgnored(file, certificate))
  const all: readonly Remarks[] = [...certificates, ...ignored, ...images]
  const isOk = all.every(({ problems }) => problems.length === 0)
  return { verdict: isOk ? 'ok' : 'wanting', certificates, ignored, images }
}

/** The directories of a machine whose root is `path`, or `path` itself where it is none. */
export async function findTrustDirectories(
  path: string,
): Promise<{ readonly directories: readonly string[]; readonly allowMissing: boolean }> {
  const isFolder = (name: string) =>
    lstat(join(path, name)).then(
      (found) => found.isDirectory() || found.isSymbolicLink(),
      () => false,
    )
  if (!(await isFolder('usr')) && !(await isFolder('etc'))) {
    return { directories: [path], allowMissing: false }
  }
  return { directories: VERITY_DIRECTORIES.map((name) => join(path, name)), allowMissing: true }
}

interface Unused {
  readonly file: IgnoredFile
  /** What it holds, where that is a certificate. */
  readonly certificate: LoadedCertificate | undefined
}

async function loadIgnored(files: readonly IgnoredFile[]): Promise<readonly Unused[]> {
  const unused: Unused[] = []
  for (const file of files) {
    const certificate = await loadCertificate(file.path).catch((error) => {
      if (error instanceof KeyError) return undefined
      throw error
    })
    unused.push({ file, certificate })
  }
  return unused
}

/** A mask and an override are there on purpose, and a text file is no certificate gone unread. */
function judgeIgnored(file: IgnoredFile, certificate: LoadedCertificate | undefined): CheckedFile {
  const { path, cause, reason } = file
  const isMeant =
    cause === 'mask' || cause === 'override' || (cause === 'name' && certificate === undefined)
  return { path, problems: isMeant ? [] : [reason], notes: isMeant ? [reason] : [] }
}

function findProblems(
  certificate: LoadedCertificate,
  all: readonly LoadedCertificate[],
): readonly string[] {
  const { sourceFile: path, encoding, certificatesInFile } = certificate
  const door = judgeCertificate(certificate, { path, encoding }).find(
    ({ door }) => door === 'verity.d',
  )
  const usages = certificate.extensions.keyUsage?.usages
  const earlier = all
    .slice(0, all.indexOf(certificate))
    .find((other) => isNamesake(certificate, other))
  return [
    ...(door?.accepted === false && door.reason ? [door.reason] : []),
    ...(certificatesInFile > 1
      ? [`it holds ${certificatesInFile} certificates, of which systemd reads the first`]
      : []),
    ...(isAuthority(certificate) && usages && !usages.includes('digitalSignature')
      ? ['it is an authority that signs certificates only, and systemd follows no chain']
      : []),
    ...(earlier && !equalBytes(earlier.der, certificate.der)
      ? [`${earlier.sourceFile} has the same issuer and serial number and is found first`]
      : []),
  ]
}

function findNotes(
  certificate: LoadedCertificate,
  all: readonly LoadedCertificate[],
  now: Date,
): readonly string[] {
  const kernel = findKernelCertificateObjection(certificate)
  const validity = findValidityWarning(certificate, now, 'it')?.replace(/^certificate /, '')
  const twin = all.find((other) => other !== certificate && equalBytes(other.der, certificate.der))
  return [
    ...(validity ? [`${validity}: neither kernel nor systemd look at dates, other tools do`] : []),
    ...(isAuthority(certificate)
      ? [
          'it is an authority: systemd takes what it signed itself; a kernel that trusts it also takes what it issued, if the certificate is in the signature',
        ]
      : []),
    ...(kernel ? [`it cannot be in a keyring of the kernel: ${kernel}`] : []),
    ...(twin ? [`${twin.sourceFile} is the same certificate`] : []),
  ]
}

function isAuthority({ extensions }: LoadedCertificate): boolean {
  return extensions.basicConstraints?.certificateAuthority === true
}

/** Whether readers would take one for the other. */
function isNamesake(a: LoadedCertificate, b: LoadedCertificate): boolean {
  return equalBytes(a.issuer.der, b.issuer.der) && equalBytes(a.serialDer, b.serialDer)
}
