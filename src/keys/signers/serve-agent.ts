/**
 * A signing agent: holds a key and signs for whoever may connect to its socket, for the purposes it
 * was started for and nothing else.
 */

import { chmod, lstat, unlink } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
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

export interface AgentOptions {
  /** Where the socket appears, for its owner alone. */
  readonly socket: string
  readonly signer: LoadedSigner
  /** What may be signed. */
  readonly purposes: readonly Purpose[]
  /** Keys whose policies are signed anew, though the values of their PCRs are not known any more. */
  readonly oldKeys?: readonly PolicyPublicKey[] | undefined
  /** Told about every request, and why it was refused where it was. */
  readonly onRequest?: (event: AgentEvent) => void
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

/** Milliseconds a peer has to say what it wants. */
const PATIENCE = 10_000
const MAX_CONNECTIONS = 64
const OWNER_ONLY = 0o600

/**
 * Starts an agent.
 *
 * @throws KeyError EXISTS where the socket's name is taken, UNREADABLE where it cannot be made.
 */
export async function serveAgent(options: AgentOptions): Promise<Agent> {
  const { socket: path } = options
  await removeDeadSocket(path)
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    serve(socket, options).catch(() => socket.destroy())
  })
  server.maxConnections = MAX_CONNECTIONS
  await listen(server, path)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

/** Nobody else can connect, not even between the socket's birth and the change of its mode. */
async function listen(server: Server, path: string): Promise<void> {
  const umask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    await chmod(path, OWNER_ONLY)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    const message = `cannot make socket ${path}: ${errno}`
    throw new KeyError('UNREADABLE', message, { cause: error })
  } finally {
    process.umask(umask)
  }
}

/** A socket nobody listens on is what a killed agent has left; anything else is not ours to remove. */
async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return
  if (!found.isSocket() || (await isAlive(path))) {
    throw new KeyError('EXISTS', `${path} exists`, {
      hint: found.isSocket() ? 'another agent listens there' : 'it is no socket',
    })
  }
  await unlink(path).catch(() => undefined)
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => resolve(errnoOf(error) !== 'ECONNREFUSED'))
  })
}

async function serve(socket: Socket, options: AgentOptions): Promise<void> {
  // A peer that goes away in the middle is no failure of ours.
  socket.on('error', () => socket.destroy())
  const timer = setTimeout(() => socket.destroy(), PATIENCE)
  const line = await readLine(socket, MAX_AGENT_LINE).finally(() => clearTimeout(timer))
  // Somebody who only looks whether we live.
  if (!line) return void socket.destroy()
  const { response, ...about } = await answer(line, options)
  const refusal = response.kind === 'refusal' ? response.message : undefined
  options.onRequest?.({ ...about, refusal })
  socket.end(formatAgentResponse(response))
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
