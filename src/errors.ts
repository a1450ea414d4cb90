/** The errors extsign throws on purpose: one class per layer, a closed list of codes in each. */

/** Base of every error extsign throws on purpose; anything else is a bug. */
export class ExtsignError<Code extends string = string> extends Error {
  readonly code: Code
  /** What to do about it, when that is known. */
  readonly hint: string | undefined

  constructor(
    code: Code,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.hint = options.hint
  }
}

export type FormatErrorCode =
  | 'TRUNCATED'
  | 'BAD_MAGIC'
  | 'BAD_CHECKSUM'
  | 'BAD_VALUE'
  | 'UNSUPPORTED'
  | 'OUT_OF_RANGE'
  | 'TOO_LARGE'

/** The bytes are not what the format says they must be. */
export class FormatError extends ExtsignError<FormatErrorCode> {
  readonly format: string
  /** Byte offset in the structure or file being read, when it can be named. */
  readonly offset: number | undefined
  /** The message without the place, for whoever knows a better one. */
  readonly fact: string

  constructor(
    format: string,
    code: FormatErrorCode,
    message: string,
    options: {
      readonly offset?: number | undefined
      readonly hint?: string
      readonly cause?: unknown
    } = {},
  ) {
    const place = options.offset === undefined ? '' : ` at byte ${options.offset}`
    super(code, `${format}: ${message}${place}`, options)
    this.format = format
    this.offset = options.offset
    this.fact = `${format}: ${message}`
  }
}

export type TreeErrorCode =
  | 'NOT_FOUND'
  | 'EMPTY'
  | 'WRONG_HIERARCHY'
  | 'FORBIDDEN'
  | 'BAD_NAME'
  | 'UNREADABLE'
  | 'CHANGED'
  | 'UNSUPPORTED'
  | 'BAD_MANIFEST'

/** The folder to be packed cannot be packed as it is. */
export class TreeError extends ExtsignError<TreeErrorCode> {}

export type KeyErrorCode =
  | 'NOT_FOUND'
  | 'UNREADABLE'
  | 'NOT_A_KEY'
  | 'NOT_A_CERTIFICATE'
  | 'WRONG_PASSPHRASE'
  | 'PASSPHRASE_NEEDED'
  | 'MISMATCH'
  | 'UNSUPPORTED'
  | 'EXISTS'
  | 'BAD_SIGNATURE'
  | 'BAD_OPTION'
  | 'SIGNER_FAILED'
  | 'TIMED_OUT'

/** A key, certificate or signature is missing, unreadable or does not fit. */
export class KeyError extends ExtsignError<KeyErrorCode> {}

export type FileErrorCode =
  | 'NOT_FOUND'
  | 'NOT_A_FILE'
  | 'BAD_NAME'
  | 'NOT_TEXT'
  | 'EXISTS'
  | 'EMPTY'
  | 'TOO_LARGE'
  | 'INSIDE_TREE'
  | 'OUTSIDE_ROOT'
  | 'LOCKED'
  | 'NO_SPACE'
  | 'DENIED'
  | 'IO'

/** A file could not be read or written. */
export class FileError extends ExtsignError<FileErrorCode> {}

export type ImageErrorCode =
  | 'BAD_NAME'
  | 'BAD_RELEASE'
  | 'BAD_OPTION'
  | 'TOO_LARGE'
  | 'NOT_SIGNED'
  | 'SIGNED'
  | 'NOT_VERIFIED'
  | 'UNSAFE_PATH'
  | 'NOT_FOUND'
  | 'THREAD_LOST'

/** An extension image cannot be built, read or used as asked. */
export class ImageError extends ExtsignError<ImageErrorCode> {}

export type CredentialErrorCode =
  | 'BAD_NAME'
  | 'BAD_TIME'
  | 'BAD_OPTION'
  | 'BAD_HOST_SECRET'
  | 'BAD_SCOPE'
  | 'TOO_LARGE'
  | 'UNSUPPORTED'
  | 'KEY_NEEDED'
  | 'WRONG_KEY'
  | 'NULL_REFUSED'
  | 'NAME_MISMATCH'
  | 'EXPIRED'

/** A credential cannot be sealed as asked, or must not be opened here. */
export class CredentialError extends ExtsignError<CredentialErrorCode> {}

export type PolicyErrorCode =
  | 'BAD_OPTION'
  | 'BAD_DOCUMENT'
  | 'NO_PROFILE'
  | 'NO_ROOM'
  | 'NO_MATCH'
  | 'SIGNED'
  | 'BAD_PATH'
  | 'BAD_FILE'
  | 'INPUT_NEEDED'
  | 'UNPREDICTABLE'

/** A PCR policy cannot be computed, predicted, signed or placed as asked. */
export class PolicyError extends ExtsignError<PolicyErrorCode> {}

export type TpmErrorCode =
  | 'BAD_DEVICE'
  | 'NOT_ASKED'
  | 'NOT_FOUND'
  | 'DENIED'
  | 'IO'
  | 'BAD_RESPONSE'
  | 'REFUSED'
  | 'NO_KEY'
  | 'NO_BANK'
  | 'OTHER_TPM'
  | 'LOCKED_OUT'
  | 'WRONG_PCRS'
  | 'WRONG_POLICY'
  | 'NO_SIGNATURE'
  | 'BAD_SIGNATURE'

/** A TPM cannot be reached, or does not do what it was asked for. */
export class TpmError extends ExtsignError<TpmErrorCode> {
  /** What the TPM answered (TPM_RC), where it did. */
  readonly responseCode: number | undefined

  constructor(
    code: TpmErrorCode,
    message: string,
    options: {
      readonly hint?: string | undefined
      readonly cause?: unknown
      readonly responseCode?: number | undefined
    } = {},
  ) {
    super(code, message, options)
    this.responseCode = options.responseCode
  }
}
