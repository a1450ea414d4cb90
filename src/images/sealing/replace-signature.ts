/**
 * A finished image gets a signature, or another one, in its place: root hash and data stay, and the
 * file is entirely as it was or entirely as it shall be, whatever happens in between.
 */

import { fromHex } from '../../bytes/hex.ts'
import { type Patch, trimPatches } from '../../bytes/patch.ts'
import { ImageError } from '../../errors.ts'
import { openFileSource, withPatches } from '../../files/file-source.ts'
import { type LockedFile, withLock } from '../../files/lock.ts'
import { assertInside } from '../../files/outside.ts'
import { isOneWrite, replaceBytes } from '../../files/replace-bytes.ts'
import { readForReplacing } from '../../files/replace-file.ts'
import { decodeSignedData } from '../../formats/pkcs7/decode.ts'
import { veritySignatureSize } from '../../formats/verity-signature.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import type { Progress } from '../options.ts'
import { resultOf } from '../read/attempt.ts'
import { type OpenImage, openImage, readImage } from '../read/open-image.ts'
import { isSignatureChange, readSealedState } from '../read/sealed-state.ts'
import { describeSigner } from '../read/signer-text.ts'
import type { RootHashSignature } from '../sign.ts'
import { isSignedBy, isSignedWith } from './is-signed-with.ts'
import { judgeSeals, type Seals } from './judge-seals.ts'
import { findSignaturePlace, patchSignature, type SignaturePlace } from './place-signature.ts'
import { settleJournal } from './settle-journal.ts'

/** A `.roothash.p7s` has been read before, within this size. */
const MAX = { maximum: 4 * 1024 * 1024 } as const

export interface ReplaceOptions {
  readonly image: string
  /** The certificate that the new signature is by. */
  readonly certificate: LoadedCertificate
  /** Whether the new message has the certificate in it. Default true. */
  readonly embedCertificate?: boolean | undefined
  /** Who must have signed the image until now. Default: anybody, or nobody. */
  readonly oldCertificates?: readonly LoadedCertificate[] | undefined
  /** Refuse an image that is signed by another certificate than `certificate`. Default false. */
  readonly keepSigner?: boolean | undefined
  /** A folder that must have in it what is written. Default: anywhere. */
  readonly within?: string | undefined
  /** Hash all data before. Default true; without it the time does not depend on the image's size. */
  readonly verifyData?: boolean | undefined
  /** The seed the image was made with, for the UUID of a partition that is added. */
  readonly seed?: string | undefined
  /** Find out what would be done, and do not sign. */
  readonly dryRun?: boolean | undefined
  readonly threads?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface ReplaceResult {
  readonly image: string
  readonly rootHash: string
  /** `unchanged` where the image has this signature already. */
  readonly action: 'replaced' | 'added' | 'unchanged'
  /** Who had signed it, in words; empty where nobody had. */
  readonly before: readonly string[]
  readonly certificateFingerprint: string
  /** Where the signature is. */
  readonly place: SignaturePlace
  /** Bytes of the image that were written; 0 in a dry run. */
  readonly bytesWritten: number
  /** A `.roothash.p7s` beside the image that was replaced too. */
  readonly sidecars: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Replaces or adds the signature of an image. Its lock is held from the first look to the last
 * write; what another command was interrupted in is finished before.
 *
 * @param obtain makes the signature, once it is known over which root hash
 * @throws ImageError NOT_VERIFIED where the image is not in order before or would not be afterwards,
 *   SIGNED where `keepSigner` forbids it, FileError where it cannot be written, LOCKED where another
 *   command changes it, and what `obtain` throws. Nothing is written then.
 */
export async function replaceSignature(
  options: ReplaceOptions,
  obtain: (rootHash: string) => Promise<RootHashSignature>,
): Promise<ReplaceResult> {
  const { image: path, within } = options
  if (options.dryRun) {
    if (within !== undefined) await assertInside(within, path)
    return withImage(path, (image) => turn(image, options, obtain, undefined))
  }
  const change = async (file: LockedFile) => {
    await settleJournal(file)
    return withImage(path, (image) => turn(image, options, obtain, file))
  }
  return withLock(path, change, { within })
}

/** @param file its lock; without it nothing is written */
async function turn(
  image: OpenImage,
  options: ReplaceOptions,
  obtain: (rootHash: string) => Promise<RootHashSignature>,
  file: LockedFile | undefined,
): Promise<ReplaceResult> {
  const { image: path, certificate, embedCertificate = true, within } = options
  const { oldCertificates = [], verifyData = true, threads, onProgress } = options
  const sidecars = image.sidecars.signature ? signatureSidecars(image) : []
  if (within !== undefined) for (const each of sidecars) await assertInside(within, each)
  // What an interrupted run has signed already is in order for the next one.
  const certificates = oldCertificates.length === 0 ? [] : [...oldCertificates, options.certificate]
  const judging = { certificates, data: verifyData, threads, onProgress }
  const seals = await judgeSeals(image, judging)
  const { rootHash, subject } = seals
  const result = {
    image: path,
    rootHash,
    before: describeSigners(seals),
    certificateFingerprint: certificate.fingerprint,
    place: findSignaturePlace(image, 0),
    bytesWritten: 0,
    sidecars: [],
    warnings: [],
  }
  if (isSignedWith(subject.rootHashes, certificate, embedCertificate)) {
    return { ...result, action: 'unchanged' }
  }
  if (options.keepSigner && !isSignedBy(subject.rootHashes, certificate)) {
    throw signedByAnother(path, result.before, certificate)
  }
  const action = image.signature ? 'replaced' : 'added'
  if (!file) return { ...result, action, sidecars }

  onProgress?.({ step: 'sign', done: 0, total: 1 })
  const signed = await obtain(rootHash)
  const { patches, place } = await planChange(image, rootHash, signed, options.seed)
  await assertVerifies(image, patches, { options, place, signed })
  const replacement = { patches, size: place.imageSize }
  const bytesWritten = await replaceBytes(file, image.file, replacement)
  for (const sidecar of sidecars) await replaceSidecar(sidecar, signed.pkcs7, within)
  await assertWritten(path, patches, place)
  return { ...result, action, place, bytesWritten, sidecars, warnings: signed.warnings }
}

/** The image, as it is once a change that is pending is finished. */
async function withImage<T>(path: string, use: (image: OpenImage) => Promise<T>): Promise<T> {
  const found = await openImage(path)
  try {
    if (found.journal?.kind !== 'pending') return await use(found)
    const finished = await readImage(found.journal.change.finished(), path)
    return await use(finished).finally(() => finished.sidecars.verity?.close())
  } finally {
    await found.close()
  }
}

interface PlannedChange {
  readonly patches: readonly Patch[]
  readonly place: SignaturePlace
}

/**
 * What has to be written. What needs a journal must be a change that counts when it is interrupted;
 * where it would not count in the place that is there, the signature gets another one.
 */
async function planChange(
  image: OpenImage,
  rootHash: string,
  signed: RootHashSignature,
  seed: string | undefined,
): Promise<PlannedChange> {
  const value = {
    rootHash: fromHex(rootHash)!, // the digits of a hash
    certificateFingerprint: fromHex(signed.certificateFingerprint)!, // likewise
    signature: signed.pkcs7,
  }
  for (const needed of [veritySignatureSize(value), Number.POSITIVE_INFINITY]) {
    const place = findSignaturePlace(image, needed)
    const patches = await trimPatches(image.file, await patchSignature(image, place, value, seed))
    const isWhole = place.imageSize === image.file.size && isOneWrite(patches)
    if (isWhole || (await canBeFinished(image, patches, place))) return { patches, place }
  }
  const message = `${image.path} cannot be changed such that an interruption does no harm`
  throw new ImageError('NOT_VERIFIED', message, { hint: 'build the image anew' })
}

async function canBeFinished(
  { file }: OpenImage,
  patches: readonly Patch[],
  { imageSize }: SignaturePlace,
): Promise<boolean> {
  const before = await readSealedState(file, patches)
  const after = await readSealedState(withPatches(file, patches, imageSize), patches)
  return before !== undefined && after !== undefined && isSignatureChange(before, after, patches)
}

function signedByAnother(
  path: string,
  before: readonly string[],
  { subject }: LoadedCertificate,
): ImageError {
  const message = `${path} is signed by ${before.join(' and ')}, and you have not named ${subject.text}`
  return new ImageError('SIGNED', message, {
    hint: '--certificate CERT says whose signature shall replace it',
  })
}

function describeSigners({ subject }: Seals): string[] {
  const messages = subject.rootHashes.signatures.map(({ message }) => resultOf(message))
  return [...new Set(messages.flatMap((message) => message?.signers.map(describeSigner) ?? []))]
}

function signatureSidecars({ sidecars }: OpenImage): string[] {
  return sidecars.paths.filter((path) => path.endsWith('.p7s'))
}

interface Planned {
  readonly options: ReplaceOptions
  readonly place: SignaturePlace
  readonly signed: RootHashSignature
}

/** The image as it will be, before anything is written. */
async function assertVerifies(
  old: OpenImage,
  patches: readonly Patch[],
  { options, place, signed }: Planned,
): Promise<void> {
  decodeSignedData(signed.pkcs7)
  const file = withPatches(old.file, patches, place.imageSize)
  const image = await readImage(file, options.image)
  const { verity } = image.sidecars
  try {
    const { signature } = image.sidecars
    const sidecars = { ...image.sidecars, signature: signature && signed.pkcs7 }
    const certificates = [options.certificate]
    await judgeSeals({ ...image, sidecars }, { certificates, data: false, onlyUsed: true })
  } finally {
    await verity?.close()
  }
}

/** The image is now what has been verified before it was written. */
async function assertWritten(
  path: string,
  patches: readonly Patch[],
  { imageSize }: SignaturePlace,
): Promise<void> {
  const file = await openFileSource(path)
  try {
    const different = await trimPatches(file, patches)
    if (different.length === 0 && file.size === imageSize) return
    const message = `${path} is not what was written to it`
    throw new ImageError('NOT_VERIFIED', message, { hint: 'something else writes to it' })
  } finally {
    await file.close()
  }
}

/** The file behind a link, if it is one. */
async function replaceSidecar(
  path: string,
  bytes: Uint8Array,
  within: string | undefined,
): Promise<void> {
  const replace = async (file: LockedFile) => (await readForReplacing(file, MAX)).replace(bytes)
  await withLock(path, replace, { within })
}
