/** Standard input read to its end, with an eye on how much there is. */

import { joinSecret } from '../bytes/secret.ts'

/** All bytes of `stream`, or undefined where there are more than `maximum`. */
export async function readStream(
  stream: AsyncIterable<Uint8Array>,
  maximum: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maximum) return undefined
    }
    return joinSecret(chunks)
  } finally {
    // It may be a secret.
    for (const chunk of chunks) chunk.fill(0)
  }
}
