/**
 * A signing agent: holds a key and signs for whoever may connect to its socket, for the purposes it
 * was started for and nothing else.
 */

import { createServer, type Socket } from 'node:net'
import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { ExtsignError, KeyError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'
import {
  type AgentRequest,
  type AgentResponse,
  formatAgentResponse,
  MAX_AGENT_LINE,
  parseAgentRequest,
} from '../../formats/signing-agent.ts'
import type { Purpose, SignedParts } from '../../formats/signing-purpose/parts.ts'
import type { PolicyPublicKey } from '../policy-key.ts'
import { examineRequest } from '../purpose.ts'
import type { LoadedSigner } from './checked-signer.ts'
import { readLine } from './read-line.ts'
import { Turns } from './turns.ts'

export interface AgentOptions {
  /** Where the socket appears, for its owner alone. */
  readonly socket: string
  readonly signer: LoadedSigner
  /** What may be signed. */
  readonly purposes: readonly Purpose[]
  /** Keys whose policies are signed anew, though the values of their PCRs are not known any more. */
  readonly oldKeys?: readonly PolicyPublicKey[] | undefined
  /** Told about every request, and why it was refused where it was; the answer waits for it. */
  readonly onRequest?: (event: AgentEvent) => unknown
  /** Milliseconds a peer has to say what it wants, and again to take the answer. Default 10 s. */
  readonly patience?: number
}

export interface AgentEvent {
  /** Undefined where nothing could be understood. */
  readonly request: AgentRequest | undefined
  /** What the bytes of the request consist of; undefined where they are not what is signed. */
  readonly parts: SignedParts | undefined
  readonly refusal: string | undefined
}

/** An agent that runs until it is closed. */
export interface Agent {
  /** Ends connections and removes the socket. */
  close(): Promise<void>
}

const PATIENCE = 10_000
/** Others wait, without being heard, until one of these has its answer or has lost its time. */
const MAX_SERVED = 64
const MAX_CONNECTIONS = 1024

/**
 * Starts an agent.
 *
 * @throws KeyError EXISTS where the socket's name is taken, UNREADABLE where it cannot be made.
 */
export async function serveAgent(options: AgentOptions): Promise<Agent> {
  const open = new Set<Socket>()
  const served = new Turns(MAX_SERVED)
  const conversation = { ...options, signer: oneByOne(options.signer) }
  // A peer that has said all it has to say may still hear the answer.
  const sockets = { allowHalfOpen: true, pauseOnConnect: true }
  const server = createServer(sockets, (socket) => {
    // A peer that goes away in the middle is no failure of ours.
    socket.on('error', () => socket.destroy())
    if (open.size >= MAX_CONNECTIONS) return void socket.destroy()
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    served
      .take(() => serve(socket, conversation))
      .catch(() => undefined)
      .finally(() => socket.destroy())
  })
  const { listenAt } = await import('./listen.ts')
  const remove = await listenAt(server, options.socket)
  server.on('error', (error) => {
    const refusal = `a connection was not taken: ${errnoOf(error) ?? error.message}`
    tell(options, { request: undefined, parts: undefined, refusal }).catch(() => undefined)
  })
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await remove()
      await closed
    },
  }
}

/** A token or a person is asked for one signature after the other. */
function oneByOne(signer: LoadedSigner): LoadedSigner {
  if (signer.isConcurrent) return signer
  const turns = new Turns(1)
  return { ...signer, sign: (request) => turns.take(() => signer.sign(request)) }
}

async function serve(socket: Socket, options: AgentOptions): Promise<void> {
  const { patience = PATIENCE } = options
  const line = await inTime(socket, patience, readLine(socket, MAX_AGENT_LINE))
  // Somebody who only looks whether we live.
  if (!line) return
  const { response, ...about } = await answer(line, options)
  const refusal = response.kind === 'refusal' ? response.message : undefined
  await tell(options, { ...about, refusal })
  // What else it says is not listened to.
  socket.resume()
  await inTime(socket, patience, say(socket, formatAgentResponse(response)))
}

async function tell({ onRequest }: AgentOptions, event: AgentEvent): Promise<void> {
  await onRequest?.(event)
}

/** Resolves when the system has taken all of the answer, which is when nothing else is waited for. */
function say(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve)
    socket.end(text, resolve)
  })
}

/** Ends a connection whose peer takes too long. */
async function inTime<Result>(
  socket: Socket,
  patience: number,
  result: Promise<Result>,
): Promise<Result> {
  const timer = setTimeout(() => socket.destroy(), patience)
  return result.finally(() => clearTimeout(timer))
}

async function answer(
  line: Uint8Array,
  options: AgentOptions,
): Promise<Omit<AgentEvent, 'refusal'> & { readonly response: AgentResponse }> {
  let request: AgentRequest | undefined
  let parts: SignedParts | undefined
  try {
    request = parseAgentRequest(line)
    parts = admit(request, options)
    const { certificate, ...asked } = request
    const signature = await options.signer.sign(asked)
    return { request, parts, response: { kind: 'signature', signature } }
  } catch (error) {
    // Of what we did not mean to happen the peer learns nothing.
    const message = error instanceof ExtsignError ? error.message : 'the agent failed'
    return { request, parts, response: { kind: 'refusal', message } }
  }
}

/** What the bytes consist of. @throws KeyError where they are not to be signed. */
function admit(
  request: AgentRequest,
  { signer, purposes, oldKeys = [] }: AgentOptions,
): SignedParts {
  const { purpose, certificate } = request
  if (certificate !== signer.certificate.fingerprint) {
    throw new KeyError('SIGNER_FAILED', `it holds no key for certificate ${certificate}`)
  }
  if (!purposes.includes(purpose)) {
    const message = `it signs ${purposes.join(', ')}, not ${purpose}`
    throw new KeyError('SIGNER_FAILED', message)
  }
  const parts = examineRequest(request)
  if (parts.purpose === 'pcr-policy' && parts.approvedBy) {
    const { approvedBy } = parts
    if (oldKeys.some(({ fingerprint }) => equalBytes(fingerprint, approvedBy))) return parts
    const message = `it signs no policies of key ${toHex(approvedBy)} anew: --old-public-key of the agent allows it`
    throw new KeyError('SIGNER_FAILED', message)
  }
  return parts
}
