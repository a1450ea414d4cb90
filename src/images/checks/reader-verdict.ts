/** What a reader does with an image. */

import { toHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import type { FormatError } from '../../errors.ts'
import { failureOf } from '../read/attempt.ts'
import type { Generation } from '../read/reader-seal.ts'
import type { FoundSignature } from '../read/root-hash-claims.ts'

/** What one reader does with the image. */
export interface ReaderVerdict {
  /** `systemd` refuses where one of its versions does; each has a line of its own where they differ. */
  readonly reader: 'kernel' | 'userspace' | 'systemd' | Generation
  /**
   * `depends` where it is up to certificates that were not given, `unproven` where it is up to what
   * is not looked at here, such as the content of squashfs.
   */
  readonly verdict: 'accepts' | 'refuses' | 'depends' | 'unproven'
  readonly reason: string
}

export type Answer = Omit<ReaderVerdict, 'reader'>

/** What a signature has to be over: the digits of the root hash as text. */
export function contentOf({ rootHash }: FoundSignature): Uint8Array {
  return encodeUtf8(rootHash ? toHex(rootHash) : '')
}

/** What comes of a signature that is not there or cannot be read. */
export function noSignature(signature: FoundSignature | undefined): Answer {
  if (!signature) return { verdict: 'refuses', reason: 'there is no signature' }
  const failure = failureOf(signature.message)
  if (!failure || !isMessageUnread(failure)) {
    return { verdict: 'refuses', reason: 'the signature cannot be read' }
  }
  return { verdict: 'unproven', reason: `the signature is not read here: ${failure.message}` }
}

/**
 * Whether readers may read a message that is not read here: they take BER, and more signers,
 * certificates and attributes. What is no message from its first byte on they refuse too.
 */
function isMessageUnread({ offset, code }: FormatError): boolean {
  return offset !== 0 || code === 'TOO_LARGE'
}
