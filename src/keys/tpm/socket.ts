/**
 * A TPM in software behind a socket: swtpm, commands and responses with nothing around them.
 *
 * The only module that opens a connection, and only to what the user named.
 */

import { createConnection, type Socket } from 'node:net'
import { concat } from '../../bytes/concat.ts'
import { FormatError, TpmError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'
import { HEADER_SIZE, responseSize } from '../../formats/tpm2/message.ts'
import { findSocketPathProblem } from '../socket-path.ts'
import type { TpmDevice } from './device.ts'
import type { TpmTransport } from './transport.ts'

const BUSY_HINT = 'swtpm serves one program after the other; another one may be connected'
/** Making an RSA key takes seconds; a TPM that is silent for this long has gone. */
const PATIENCE_MS = 120_000

interface Pending {
  resolve(response: Uint8Array): void
  reject(error: unknown): void
}

/**
 * Connects to swtpm.
 *
 * @param label the device as the user wrote it
 * @param patience milliseconds until a TPM that does not answer is given up
 * @throws TpmError NOT_FOUND, DENIED, IO
 */
export async function connectSocket(
  device: Exclude<TpmDevice, { kind: 'file' }>,
  label: string,
  patience: number = PATIENCE_MS,
): Promise<TpmTransport> {
  const problem = device.kind === 'unix' ? findSocketPathProblem(device.path) : undefined
  if (problem) throw new TpmError('NOT_FOUND', `no TPM answers at ${label}: ${problem}`)
  const socket =
    device.kind === 'unix' ? createConnection({ path: device.path }) : connectTcp(device)
  await connected(socket, label, patience)
  return new SwtpmSocket(socket, label, patience)
}

async function connected(socket: Socket, label: string, patience: number): Promise<void> {
  const silence = new TpmError('IO', `TPM at ${label} does not answer`, { hint: BUSY_HINT })
  const timer = setTimeout(() => socket.destroy(silence), patience)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    throw error === silence ? silence : explainConnecting(error as Error, label) // of an event
  } finally {
    clearTimeout(timer)
  }
}

function connectTcp({ host, port }: { readonly host: string; readonly port: number }): Socket {
  return createConnection({ host, port, noDelay: true })
}

class SwtpmSocket implements TpmTransport {
  readonly label: string
  readonly #socket: Socket
  readonly #patience: number
  #received: Uint8Array = new Uint8Array()
  #pending: Pending | undefined
  #failure: TpmError | undefined

  constructor(socket: Socket, label: string, patience: number) {
    this.label = label
    this.#socket = socket
    this.#patience = patience
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (cause) => this.#fail(`broke off: ${errnoOf(cause) ?? cause.message}`))
    // After `end` one could still write, and be told so by an error in other words.
    for (const event of ['end', 'close']) {
      socket.on(event, () => this.#fail('closed the connection'))
    }
  }

  transceive(command: Uint8Array): Promise<Uint8Array> {
    if (this.#failure) return Promise.reject(this.#failure)
    const timer = setTimeout(
      () => this.#fail('does not answer', { hint: BUSY_HINT }),
      this.#patience,
    )
    const response = new Promise<Uint8Array>((resolve, reject) => {
      this.#pending = { resolve, reject }
      this.#socket.write(command)
    })
    return response.finally(() => clearTimeout(timer))
  }

  async close(): Promise<void> {
    this.#socket.destroy()
  }

  #receive(chunk: Uint8Array): void {
    this.#received = concat(this.#received, chunk)
    const size = this.#expectedSize()
    if (size === undefined || this.#received.length < size) return
    const pending = this.#pending
    if (this.#received.length > size || !pending) {
      this.#fail('said more than it was asked for')
      return
    }
    const response = this.#received
    this.#pending = undefined
    this.#received = new Uint8Array()
    pending.resolve(response)
  }

  /** What the header promises, once it is there. */
  #expectedSize(): number | undefined {
    if (this.#received.length < HEADER_SIZE) return undefined
    try {
      return responseSize(this.#received)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      this.#fail(`does not speak as a TPM: ${error.message}`, { cause: error })
      return undefined
    }
  }

  #fail(fact: string, why: { readonly cause?: unknown; readonly hint?: string } = {}): void {
    this.#failure ??= new TpmError('IO', `TPM at ${this.label} ${fact}`, why)
    this.#pending?.reject(this.#failure)
    this.#pending = undefined
    this.#socket.destroy()
  }
}

function explainConnecting(cause: Error, label: string): TpmError {
  const errno = errnoOf(cause) ?? cause.message
  if (errno === 'EACCES' || errno === 'EPERM') {
    return new TpmError('DENIED', `no permission to connect to ${label}`, { cause })
  }
  if (['ENOENT', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENOTSOCK'].includes(errno)) {
    return new TpmError('NOT_FOUND', `no TPM answers at ${label}: ${errno}`, { cause })
  }
  return new TpmError('IO', `cannot connect to ${label}: ${errno}`, { cause })
}
