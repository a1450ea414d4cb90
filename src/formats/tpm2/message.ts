/** Commands and responses as they go over the bus: TPM 2.0 Library part 1 §18. */

import { concat } from '../../bytes/concat.ts'
import { FormatError } from '../../errors.ts'
import { ResponseCode } from './response-code.ts'
import { buffer, Cursor, FORMAT, type Infer, record, u8, u16, u32 } from './wire.ts'

/** Largest command and response: what a TPM of a PC takes and gives. */
export const MAX_MESSAGE = 4096
/** Tag, size and code. */
export const HEADER_SIZE = 10

const TAG_NO_SESSIONS = 0x8001
const TAG_SESSIONS = 0x8002
const MAX_DIGEST = 64

const Header = record({ tag: u16, size: u32, code: u32 })

/** TPMS_AUTH_COMMAND, part 2 §10.13.2. */
const CommandAuthorization = record({
  session: u32,
  nonce: buffer(MAX_DIGEST),
  attributes: u8,
  hmac: buffer(MAX_DIGEST),
})
export type CommandAuthorization = Infer<typeof CommandAuthorization>

/** TPMS_AUTH_RESPONSE, part 2 §10.13.3. */
const ResponseAuthorization = record({
  nonce: buffer(MAX_DIGEST),
  attributes: u8,
  hmac: buffer(MAX_DIGEST),
})
export type ResponseAuthorization = Infer<typeof ResponseAuthorization>

export interface CommandMessage {
  readonly code: number
  readonly handles: readonly number[]
  readonly authorizations: readonly CommandAuthorization[]
  readonly parameters: Uint8Array
}

export interface ResponseMessage {
  /** TPM_RC; everything else is empty where it is not zero. */
  readonly code: number
  readonly handle: number | undefined
  readonly parameters: Uint8Array
  readonly authorizations: readonly ResponseAuthorization[]
}

/** The bytes of a command. */
export function encodeCommand(command: CommandMessage): Uint8Array {
  const { code, handles, authorizations, parameters } = command
  const area = concat(...authorizations.map((each) => CommandAuthorization.write(each)))
  const body = concat(
    ...handles.map((handle) => u32.write(handle)),
    ...(area.length > 0 ? [u32.write(area.length), area] : []),
    parameters,
  )
  const tag = area.length > 0 ? TAG_SESSIONS : TAG_NO_SESSIONS
  return concat(Header.write({ tag, size: HEADER_SIZE + body.length, code }), body)
}

/**
 * Reads a response.
 *
 * @param expected what the command promises: whether a handle comes first, and how many sessions.
 * @throws FormatError where the bytes are not such a response.
 */
export function decodeResponse(
  bytes: Uint8Array,
  expected: { readonly handle: boolean; readonly sessions: number },
): ResponseMessage {
  if (bytes.length > MAX_MESSAGE) {
    const message = `response of ${bytes.length} bytes, at most ${MAX_MESSAGE} are read`
    throw new FormatError(FORMAT, 'TOO_LARGE', message)
  }
  const cursor = new Cursor(bytes)
  const { tag, size, code } = Header.read(cursor, 'response')
  if (size !== bytes.length) throw cursor.bad(`response of ${bytes.length} bytes says ${size}`, 2)
  if (code !== ResponseCode.success) {
    return { code, handle: undefined, parameters: new Uint8Array(), authorizations: [] }
  }
  const wantedTag = expected.sessions > 0 ? TAG_SESSIONS : TAG_NO_SESSIONS
  if (tag !== wantedTag) throw cursor.bad(`response has tag 0x${tag.toString(16)}`, 0)
  const handle = expected.handle ? u32.read(cursor, 'handle') : undefined
  const parameterSize = expected.sessions > 0 ? u32.read(cursor, 'parameter size') : cursor.left
  const parameters = cursor.take(parameterSize, 'parameters')
  const authorizations = Array.from({ length: expected.sessions }, () =>
    ResponseAuthorization.read(cursor, 'session'),
  )
  cursor.finish('response')
  return { code, handle, parameters, authorizations }
}

/** How many bytes a response has, by its first ten. @throws FormatError for impossible sizes. */
export function responseSize(header: Uint8Array): number {
  const { size } = Header.read(new Cursor(header), 'response')
  if (size >= HEADER_SIZE && size <= MAX_MESSAGE) return size
  throw new FormatError(FORMAT, 'OUT_OF_RANGE', `response says that it has ${size} bytes`, {
    offset: 2,
  })
}
