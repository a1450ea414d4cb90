/** Commands to a TPM and its answers: authorized, repeated where it is busy, refusals in words. */

import { setTimeout } from 'node:timers/promises'
import type { Random } from '../../crypto/random.ts'
import { FormatError, TpmError } from '../../errors.ts'
import { type Command, FlushContext, GetHandles, Startup } from '../../formats/tpm2/commands.ts'
import { Handle } from '../../formats/tpm2/constants.ts'
import { decodeResponse, encodeCommand, type ResponseMessage } from '../../formats/tpm2/message.ts'
import { describeResponseCode, ResponseCode } from '../../formats/tpm2/response-code.ts'
import { decodeWhole, u32 } from '../../formats/tpm2/wire.ts'
import { type Authorizer, type Encryption, emptyPassword } from './session.ts'
import type { TpmTransport } from './transport.ts'

/** Something a handle stands for: its name is the handle itself where it is no object. */
export interface Entity {
  readonly handle: number
  readonly name: Uint8Array
}

export interface Invocation<Parameters> {
  readonly handles?: readonly Entity[]
  readonly parameters: Parameters
  /** How the first handle is authorized; nothing where the command needs none. */
  readonly authorizer?: Authorizer
  readonly encryption?: Encryption
  /** The session of `authorizer` authorizes nothing: it shows that the answer is the TPM's. */
  readonly audit?: boolean
}

export interface Answer<Response> {
  /** The new object or session; 0 where the command makes none. */
  readonly handle: number
  readonly response: Response
}

const BUSY: readonly number[] = [ResponseCode.retry, ResponseCode.yielded, ResponseCode.testing]
const PASSWORD_WANTED: readonly number[] = [ResponseCode.authFail, ResponseCode.badAuth]
/** Waits of 10, 20, … ms; ten of them are about ten seconds. */
const MAX_WAITS = 10
const FIRST_WAIT_MS = 10
const STARTUP_CLEAR = 0

/** What a hierarchy, a session or a PCR is called. */
export function entityOf(handle: number): Entity {
  return { handle, name: u32.write(handle) }
}

/** A TPM that answers one command at a time. */
export class TpmConnection {
  readonly random: Random
  readonly #transport: TpmTransport
  /** Objects and sessions that were in the TPM before ours. */
  #others: ReadonlySet<number> | undefined
  readonly #held = new Set<number>()
  /** There may be something of ours in the TPM of which we do not know the handle. */
  #mayHaveLeft = false

  constructor(transport: TpmTransport, random: Random) {
    this.#transport = transport
    this.random = random
  }

  /**
   * Runs a command.
   *
   * @throws TpmError REFUSED or LOCKED_OUT with the response code, BAD_RESPONSE, IO
   */
  async run<Parameters, Response>(
    command: Command<Parameters, Response>,
    invocation: Invocation<Parameters>,
  ): Promise<Answer<Response>> {
    if (command.returnsHandle) await this.#lookAround()
    try {
      return await this.#run(command, invocation)
    } catch (error) {
      // An answer that is damaged may have had a handle in it, also where it looks like a refusal.
      if (command.returnsHandle) await this.#sweep()
      throw error
    }
  }

  async #run<Parameters, Response>(
    command: Command<Parameters, Response>,
    invocation: Invocation<Parameters>,
  ): Promise<Answer<Response>> {
    const { handles = [], authorizer, encryption = {}, audit = false } = invocation
    const { code } = command
    const parameters = command.parameters.write(invocation.parameters)
    const names = handles.map(({ name }) => name)
    const sealed = authorizer?.seal({ code, names, parameters, encryption, audit })
    const bytes = encodeCommand({
      code,
      handles: handles.map(({ handle }) => handle),
      authorizations: sealed ? [sealed.authorization] : [],
      parameters: sealed?.parameters ?? parameters,
    })
    const expected = { handle: command.returnsHandle, sessions: authorizer ? 1 : 0 }
    const message = await this.#exchange(bytes, command.name, expected)
    const [authorization] = message.authorizations
    const opened =
      authorizer && authorization
        ? authorizer.open(code, message.parameters, authorization)
        : message.parameters
    try {
      const response = understand(() => decodeWhole(command.response, opened, command.name))
      return { handle: message.handle ?? 0, response }
    } finally {
      if (encryption.response) opened.fill(0)
    }
  }

  /** Runs a command that needs the empty password of its first handle and carries no secret. */
  runWithPassword<Parameters, Response>(
    command: Command<Parameters, Response>,
    invocation: Invocation<Parameters>,
  ): Promise<Answer<Response>> {
    return this.run(command, { ...invocation, authorizer: emptyPassword })
  }

  /** Hands an object or session to `use`, and flushes it from the TPM however that ends. */
  async holding<Result>(handle: number, use: () => Promise<Result>): Promise<Result> {
    this.#held.add(handle)
    let result: Result
    try {
      result = await use()
    } catch (error) {
      // The first error is the one that matters.
      await this.#release(handle).catch(() => {})
      throw error
    }
    await this.#release(handle)
    return result
  }

  async close(): Promise<void> {
    if (this.#mayHaveLeft) await this.#sweep()
    await this.#transport.close()
  }

  /** Where it cannot be flushed, its handle may have been damaged on the way to us. */
  async #release(handle: number): Promise<void> {
    this.#held.delete(handle)
    try {
      await this.#flush(handle)
    } catch (error) {
      await this.#sweep()
      throw error
    }
  }

  async #flush(handle: number): Promise<void> {
    await this.run(FlushContext, { parameters: { handle } })
  }

  async #lookAround(): Promise<void> {
    if (this.#transport.isManaged) return
    this.#others ??= new Set(await this.#listLoaded())
  }

  /** Flushes what has come into the TPM since, and is not held. Never throws. */
  async #sweep(): Promise<void> {
    const others = this.#others
    if (!others) return
    this.#mayHaveLeft = true
    try {
      const loaded = await this.#listLoaded()
      const ours = loaded.filter((handle) => !others.has(handle) && !this.#held.has(handle))
      for (const handle of ours) await this.#flush(handle)
      this.#mayHaveLeft = false
    } catch {
      // It is tried again at the end; the error that led here is the one that matters.
    }
  }

  async #listLoaded(): Promise<readonly number[]> {
    const handles: number[] = []
    for (const first of [Handle.firstSession, Handle.firstTransient]) {
      const { response } = await this.run(GetHandles, { parameters: { first } })
      handles.push(...response.handles)
    }
    return handles
  }

  async #exchange(
    bytes: Uint8Array,
    name: string,
    expected: { readonly handle: boolean; readonly sessions: number },
  ): Promise<ResponseMessage> {
    for (let waits = 0; ; waits++) {
      const response = await this.#transport.transceive(bytes)
      const message = understand(() => decodeResponse(response, expected))
      if (message.code === ResponseCode.success) return message
      if (message.code === ResponseCode.initialize && name !== Startup.name && waits === 0) {
        // A TPM in software that nobody has started up: firmware does it for those in hardware.
        await this.run(Startup, { parameters: { type: STARTUP_CLEAR } })
      } else if (BUSY.includes(message.code) && waits < MAX_WAITS) {
        await setTimeout(FIRST_WAIT_MS * 2 ** waits)
      } else {
        throw refusal(message.code, name)
      }
    }
  }
}

/** Whether the TPM refused with this code, wherever it saw the reason. */
export function isRefusal(error: unknown, kind: number): error is TpmError {
  return (
    error instanceof TpmError &&
    error.responseCode !== undefined &&
    describeResponseCode(error.responseCode).kind === kind
  )
}

function refusal(responseCode: number, name: string): TpmError {
  const { kind, sentence } = describeResponseCode(responseCode)
  const message = `the TPM ${sentence}, asked for ${name}`
  if (responseCode === ResponseCode.lockout) {
    const hint = 'wait until it recovers, or clear it with tpm2_dictionarylockout --clear-lockout'
    return new TpmError('LOCKED_OUT', message, { responseCode, hint })
  }
  const hint = PASSWORD_WANTED.includes(kind)
    ? 'there is a password where systemd knows only empty ones'
    : undefined
  return new TpmError('REFUSED', message, { responseCode, hint })
}

/** What a TPM says is not read from a file: nonsense is its fault and has no offset to look at. */
function understand<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new TpmError('BAD_RESPONSE', `the TPM answers nonsense: ${cause.message}`, { cause })
  }
}
