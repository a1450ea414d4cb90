/** Errors between threads: a structured clone would lose their class and fields. */

import {
  ExtsignError,
  FileError,
  type FileErrorCode,
  TreeError,
  type TreeErrorCode,
} from '../../errors.ts'

export interface PlainError {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly hint: string | undefined
  readonly stack: string | undefined
}

export function describeError(error: unknown): PlainError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const known = error instanceof ExtsignError ? error : undefined
  return { name, message, code: known?.code, hint: known?.hint, stack }
}

/** The error as it was thrown, as far as its class is one that a job throws on purpose. */
export function restoreError({ name, message, code, hint, stack }: PlainError): Error {
  if (name === TreeError.name) return new TreeError(code as TreeErrorCode, message, { hint })
  if (name === FileError.name) return new FileError(code as FileErrorCode, message, { hint })
  if (code !== undefined) return new ExtsignError(code, message, { hint })
  const error = new Error(message)
  error.name = name
  if (stack) error.stack = stack
  return error
}
