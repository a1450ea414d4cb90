/** The signature of a finished image replaced by another. */

import { toHex } from '../bytes/hex.ts'
import { ImageError } from '../errors.ts'
import { createOutput } from '../files/output.ts'
import type { Signing } from '../images/options.ts'
import { resultOf } from '../images/read/attempt.ts'
import { openImage } from '../images/read/open-image.ts'
import { collectRootHashes } from '../images/read/root-hash-claims.ts'
import { signRootHash } from '../images/sign.ts'
import { verifyImage } from '../images/verify.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'

const CHUNK_SIZE = 1024 * 1024

export async function resignImage(
  path: string,
  signing: Signing,
  trusted: readonly LoadedCertificate[],
): Promise<void> {
  const { verdict } = await verifyImage(path, { certificates: trusted, threads: 0 })
  if (verdict !== 'ok') throw new ImageError('NOT_VERIFIED', `${path} does not verify before`)
  const image = await openImage(path)
  try {
    const json = resultOf((await collectRootHashes(image)).partition)
    if (!json || !image.signature) throw new ImageError('NOT_SIGNED', `${path} is not signed`)
    const { partition } = await signRootHash(toHex(json.rootHash), signing, path)
    const output = await createOutput(path, { force: true })
    try {
      const { file, signature } = image
      for (let at = 0; at < file.size; at += CHUNK_SIZE) {
        await output.write(await file.read(at, Math.min(CHUNK_SIZE, file.size - at)), at)
      }
      await output.write(partition, signature.offset)
      await output.commit()
    } finally {
      await output.abort()
    }
  } finally {
    await image.close()
  }
}
