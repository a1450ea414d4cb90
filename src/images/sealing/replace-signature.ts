/**
 * A finished image gets a signature, or another one, in its place: root hash and data stay, and the
 * file is entirely as it was or entirely as it shall be, whatever happens in between.
 */

import { fromHex } from '../../bytes/hex.ts'
import { type Patch, trimPatches } from '../../bytes/patch.ts'
import { ImageError } from '../../errors.ts'
import { openFileSource } from '../../files/file-source.ts'
import { withPatches } from '../../files/pending-change.ts'
import { finishReplacement, replaceBytes } from '../../files/replace-bytes.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { decodeSignedData } from '../../formats/pkcs7/decode.ts'
import { veritySignatureSize } from '../../formats/verity-signature.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import type { Progress } from '../options.ts'
import { resultOf } from '../read/attempt.ts'
import { type OpenImage, openImage, readImage } from '../read/open-image.ts'
import { findPendingChange } from '../read/pending-change.ts'
import { describeSigner } from '../read/signer-text.ts'
import type { RootHashSignature } from '../sign.ts'
import { isSignedWith } from './is-signed-with.ts'
import { judgeSeals, type Seals } from './judge-seals.ts'
import { findSignaturePlace, patchSignature, type SignaturePlace } from './place-signature.ts'

export interface ReplaceOptions {
  readonly image: string
  /** The certificate that the new signature is by. */
  readonly certificate: LoadedCertificate
  /** Whether the new message has the certificate in it. Default true. */
  readonly embedCertificate?: boolean | undefined
  /** Who must have signed the image until now. Default: anybody, or nobody. */
  readonly oldCertificates?: readonly LoadedCertificate[] | undefined
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
 * Replaces or adds the signature of an image.
 *
 * @param obtain makes the signature, once it is known over which root hash
 * @throws ImageError NOT_VERIFIED where the image is not in order before or would not be afterwards,
 *   FileError where it cannot be written, and what `obtain` throws. Nothing is written then.
 */
export async function replaceSignature(
  options: ReplaceOptions,
  obtain: (rootHash: string) => Promise<RootHashSignature>,
): Promise<ReplaceResult> {
  const { image: path, certificate, embedCertificate = true, dryRun = false } = options
  if (!dryRun) await finishPendingChange(path)
  const image = await openImage(path)
  try {
    const { oldCertificates = [], verifyData = true, threads, onProgress } = options
    const judging = { certificates: oldCertificates, data: verifyData, threads, onProgress }
    const seals = await judgeSeals(image, judging)
    const { rootHash, subject } = seals
    const present = findSignaturePlace(image, 0)
    const result = {
      image: path,
      rootHash,
      before: describeSigners(seals),
      certificateFingerprint: certificate.fingerprint,
      place: present,
      bytesWritten: 0,
      sidecars: [],
      warnings: [],
    }
    if (isSignedWith(subject.rootHashes, certificate, embedCertificate)) {
      return { ...result, action: 'unchanged' }
    }
    const action = image.signature ? 'replaced' : 'added'
    const sidecars = image.sidecars.signature ? signatureSidecars(image) : []
    if (dryRun) return { ...result, action, sidecars }

    onProgress?.({ step: 'sign', done: 0, total: 1 })
    const signed = await obtain(rootHash)
    const value = {
      rootHash: fromHex(rootHash)!, // the digits of a hash
      certificateFingerprint: fromHex(signed.certificateFingerprint)!, // likewise
      signature: signed.pkcs7,
    }
    const place = findSignaturePlace(image, veritySignatureSize(value))
    const patches = await patchSignature(image, place, value, options.seed)
    await assertVerifies(image, patches, { options, place, signed })
    const bytesWritten = await replaceBytes(path, { patches, size: place.imageSize })
    for (const sidecar of sidecars) await replaceFile(sidecar, signed.pkcs7)
    await assertWritten(path, patches, place)
    return { ...result, action, place, bytesWritten, sidecars, warnings: signed.warnings }
  } finally {
    await image.close()
  }
}

/** What somebody else was interrupted in comes first. */
async function finishPendingChange(path: string): Promise<void> {
  const file = await openFileSource(path)
  try {
    if (await findPendingChange(file, path)) await finishReplacement(path)
  } finally {
    await file.close()
  }
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
