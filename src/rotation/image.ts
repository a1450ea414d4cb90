/** Images: the signature of the old key is replaced by one of the new key. */

import { KeyError } from '../errors.ts'
import { contentOf } from '../images/checks/reader-verdict.ts'
import type { Signing } from '../images/options.ts'
import { resultOf } from '../images/read/attempt.ts'
import { openImage } from '../images/read/open-image.ts'
import { collectRootHashes, type FoundSignature } from '../images/read/root-hash-claims.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import { verifySignedData } from '../keys/verify-signature.ts'
import type { Carrier, Examined } from './carrier.ts'

export interface ImageTurn {
  readonly oldCertificate: LoadedCertificate
  readonly newCertificate: LoadedCertificate
  /** The new key, opened when the first image needs it. */
  readonly signing: () => Promise<Signing>
  /** Replaces the signature of an image that `trusted` vouches for, whole or not at all. */
  readonly resign: (
    path: string,
    signing: Signing,
    trusted: readonly LoadedCertificate[],
  ) => Promise<unknown>
}

/** An image that is to be signed with the new key. */
export function imageCarrier(path: string, turn: ImageTurn): Carrier {
  return {
    kind: 'image',
    path,
    holdsBoth: false,
    examine: () => examine(path, turn),
    async move() {
      const signing = await turn.signing()
      await turn.resign(path, signing, [turn.oldCertificate])
      const { state } = await examine(path, turn)
      if (state === 'new') return
      throw new KeyError('BAD_SIGNATURE', `${path} does not verify after it was signed again`)
    },
  }
}

async function examine(
  path: string,
  { oldCertificate, newCertificate }: ImageTurn,
): Promise<Examined> {
  const signatures = await readSignatures(path)
  if (signatures.length === 0) return { state: 'neither', note: 'it is not signed' }
  const signers = signatures.map((signature) => {
    if (isBy(signature, newCertificate)) return 'new'
    return isBy(signature, oldCertificate) ? 'old' : 'neither'
  })
  // A signature partition and a file beside it have to agree.
  if (signers.every((signer) => signer === 'new')) return { state: 'new' }
  if (!signers.includes('neither')) return { state: 'old' }
  return { state: 'neither', note: 'its signature is neither by the old nor by the new key' }
}

async function readSignatures(path: string): Promise<readonly FoundSignature[]> {
  const image = await openImage(path)
  try {
    return (await collectRootHashes(image)).signatures
  } finally {
    await image.close()
  }
}

function isBy(signature: FoundSignature, certificate: LoadedCertificate): boolean {
  const message = resultOf(signature.message)
  if (!message) return false
  return verifySignedData(message, contentOf(signature), [certificate]).kind === 'valid'
}
