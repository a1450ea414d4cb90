/** Files that came back from whoever holds the key: JSON with `sig` filled in, and bare signatures. */

import { decodeUtf8 } from '../bytes/utf8.ts'
import { ExtsignError, FormatError, PolicyError } from '../errors.ts'
import { allOf } from '../files/all-of.ts'
import { readSmallFile } from '../files/text.ts'
import { parsePcrSignatures } from '../formats/pcr-signature.ts'
import type { ReturnedSignatures } from './join.ts'

const MAX_DOCUMENT = 4 * 1024 * 1024
/** RSA of 32768 bits, which no TPM takes. */
const MAX_BARE = 4096

/**
 * Reads the files; what starts like a JSON object and is text is one.
 *
 * @throws PolicyError BAD_DOCUMENT where one is neither, FileError; ExtsignError where JSON is not
 *   what it has to be.
 */
export async function readReturnedSignatures(
  paths: readonly string[],
): Promise<ReturnedSignatures> {
  const files = await allOf(
    paths.map(async (name) => {
      return { name, bytes: await readSmallFile(name, { maximum: MAX_DOCUMENT }) }
    }),
  )
  return {
    documents: files.filter(isJson).map(({ name, bytes }) => {
      return { name, signatures: parseNamed(name, bytes) }
    }),
    bare: files
      .filter((file) => !isJson(file))
      .map(({ name, bytes }) => {
        if (bytes.length > 0 && bytes.length <= MAX_BARE) return { name, signature: bytes }
        throw new PolicyError('BAD_DOCUMENT', `${name} is neither JSON nor a bare signature`)
      }),
  }
}

/** A signature may begin with a brace, once in some 250; random bytes are no UTF-8 to their end. */
function isJson({ bytes }: { readonly bytes: Uint8Array }): boolean {
  const startsLikeJson = /^\s*\{/.test(new TextDecoder('latin1').decode(bytes.subarray(0, 64)))
  return startsLikeJson && (bytes.length > MAX_BARE || decodeUtf8(bytes) !== undefined)
}

function parseNamed(name: string, bytes: Uint8Array) {
  try {
    return parsePcrSignatures(bytes)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const { code, message, hint } = error
    throw new ExtsignError(code, `${name}: ${message}`, { hint, cause: error })
  }
}
