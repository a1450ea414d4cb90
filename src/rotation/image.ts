/** Images: the signature of the old key is replaced by one of the new key. */

import { removeStaleLock, withLock } from '../files/lock.ts'
import { contentOf } from '../images/checks/reader-verdict.ts'
import { resultOf } from '../images/read/attempt.ts'
import { openImage } from '../images/read/open-image.ts'
import { collectRootHashes, type FoundSignature } from '../images/read/root-hash-claims.ts'
import { resignImage } from '../images/resign.ts'
import { settleJournal } from '../images/sealing/settle-journal.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import type { Signer } from '../keys/signer.ts'
import { verifySignedData } from '../keys/verify-signature.ts'
import type { Carrier, Examined } from './carrier.ts'

export interface ImageTurn {
  readonly oldCertificate: LoadedCertificate
  readonly newCertificate: LoadedCertificate
  /** The new key, opened when the first image that is in order needs it. */
  readonly signer: () => Promise<Signer>
  /** Hash all data before. Default true. */
  readonly verifyData?: boolean | undefined
}

/** An image that is to be signed with the new key. */
export function imageCarrier(path: string, turn: ImageTurn): Carrier {
  return {
    kind: 'image',
    path,
    holdsBoth: false,
    examine: () => examine(path, turn),
    async move(_to, signal) {
      // It finishes what was interrupted first, which may be all there was to do.
      await resignImage({
        image: path,
        signing: {
          signer: { sign: async (request) => (await turn.signer()).sign(request) },
          certificate: turn.newCertificate.der,
        },
        oldCertificates: [turn.oldCertificate, turn.newCertificate],
        verifyData: turn.verifyData,
        onProgress: () => signal?.throwIfAborted(),
      })
    },
    async tidy() {
      const { journal, close } = await openImage(path)
      await close()
      if (journal?.kind === 'settled') await withLock(path, settleJournal)
      else await removeStaleLock(path)
    },
  }
}

async function examine(
  path: string,
  { oldCertificate, newCertificate }: ImageTurn,
): Promise<Examined> {
  const image = await openImage(path)
  try {
    if (image.journal?.kind === 'pending') {
      return { state: 'old', note: 'a change that was interrupted is to be finished' }
    }
    const { signatures } = await collectRootHashes(image)
    if (signatures.length === 0) return { state: 'neither', note: 'it is not signed' }
    const signers = signatures.map((signature) => {
      if (isBy(signature, newCertificate)) return 'new'
      return isBy(signature, oldCertificate) ? 'old' : 'neither'
    })
    // A signature partition and a file beside it have to agree.
    if (signers.every((signer) => signer === 'new')) return { state: 'new' }
    if (!signers.includes('neither')) return { state: 'old' }
    return { state: 'neither', note: 'its signature is neither by the old nor by the new key' }
  } finally {
    await image.close()
  }
}

function isBy(signature: FoundSignature, certificate: LoadedCertificate): boolean {
  const message = resultOf(signature.message)
  if (!message) return false
  return verifySignedData(message, contentOf(signature), [certificate]).kind === 'valid'
}
