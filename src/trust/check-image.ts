/** What readers make of an image, given the certificates that machines trust. */

import { FormatError } from '../errors.ts'
import { findSigner, type SignedData } from '../formats/pkcs7/decode.ts'
import { judgeJournal } from '../images/checks/interrupted-change.ts'
import { predictKernel } from '../images/checks/predict-kernel.ts'
import { predictUserspace } from '../images/checks/predict-userspace.ts'
import { contentOf, type ReaderVerdict } from '../images/checks/reader-verdict.ts'
import { resultOf } from '../images/read/attempt.ts'
import { openImage } from '../images/read/open-image.ts'
import { collectRootHashes, type FoundSignature } from '../images/read/root-hash-claims.ts'
import { describeSigner } from '../images/read/signer-text.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import type { TrustStore } from '../keys/trust.ts'
import { type Candidates, explainMismatch } from './explain.ts'

/** What is wrong, and what is worth knowing without being wrong. */
export interface Remarks {
  readonly problems: readonly string[]
  readonly notes: readonly string[]
}

export interface CheckedImage extends Remarks {
  readonly path: string
  /** Who signed, as the signature says it. */
  readonly signers: readonly string[]
  readonly readers: readonly ReaderVerdict[]
}

export interface ImageAnswer {
  readonly image: CheckedImage
  /** The used certificates that its signature names. */
  readonly certificates: readonly LoadedCertificate[]
}

/**
 * Checks the signature that readers look at. Data is not hashed.
 *
 * @throws FileError where the image cannot be read.
 */
export async function checkImage(
  path: string,
  store: TrustStore,
  candidates: Candidates,
): Promise<ImageAnswer> {
  const read = await readSignature(path)
  if (read instanceof FormatError) {
    const problems = [read.message]
    return { image: { path, signers: [], readers: [], problems, notes: [] }, certificates: [] }
  }
  const { signature, isIgnored, unfinished } = read
  const message = resultOf(signature?.message)
  // Files that are ignored are reported by themselves, and here only when they would have fitted.
  const trust = { ...store, ignored: [] }
  const userspace = predictUserspace(signature, { trust })
  const kernel = predictKernel(signature, store.certificates)
  const refused = userspace.verdict !== 'accepts'
  const signers = message?.signers ?? []
  return {
    image: {
      path,
      signers: signers.map(describeSigner),
      readers: [
        { reader: 'kernel', ...kernel },
        { reader: 'userspace', ...userspace },
      ],
      problems: [
        ...unfinished,
        ...(refused ? [`systemd does not accept it: ${userspace.reason}`] : []),
      ],
      notes: [
        ...(isIgnored ? [IGNORED] : []),
        ...(refused && signature && message ? explain(signature, message, candidates) : []),
      ],
    },
    certificates: signers.flatMap((signer) => findSigner(signer, store.certificates) ?? []),
  }
}

const IGNORED =
  'systemd 257 mounts a usr partition unverified where no file beside the image states its root hash'

function explain(signature: FoundSignature, message: SignedData, candidates: Candidates) {
  return explainMismatch(message, contentOf(signature), candidates)
}

interface ReadSignature {
  /** The one that readers look at. */
  readonly signature: FoundSignature | undefined
  /** Whether systemd 257 does not look at it. */
  readonly isIgnored: boolean
  /** What a change that is not finished means for it. */
  readonly unfinished: readonly string[]
}

/** The signature, or what is wrong with the image as a whole. */
async function readSignature(path: string): Promise<ReadSignature | FormatError> {
  try {
    const image = await openImage(path)
    try {
      const { seals } = await collectRootHashes(image)
      const { signature, objection } = seals['systemd 262']
      const isIgnored = signature !== undefined && !seals['systemd 257'].signature
      if (objection) return new FormatError('verity signature', 'BAD_VALUE', objection.reason)
      const problems = judgeJournal(image.journal)?.problems ?? []
      return { signature, isIgnored, unfinished: problems.map(({ found }) => found) }
    } finally {
      await image.close()
    }
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
}
