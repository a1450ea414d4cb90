/**
 * One question to a signing agent, over a connection of its own.
 *
 * Connects only to the socket that the user named as the key.
 */

import { createConnection, type Socket } from 'node:net'
import { FormatError, KeyError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'
import {
  type AgentRequest,
  formatAgentRequest,
  MAX_AGENT_LINE,
  parseAgentResponse,
} from '../../formats/signing-agent.ts'
import { findSocketPathProblem } from '../socket-path.ts'
import { readLine } from './read-line.ts'

/**
 * The signature that the agent behind the socket `path` makes.
 *
 * @param patience milliseconds until an agent that does not answer is given up
 * @throws KeyError NOT_FOUND, UNREADABLE where it cannot be reached, SIGNER_FAILED where it refuses
 *   or breaks off, TIMED_OUT.
 */
export async function askAgent(
  path: string,
  request: AgentRequest,
  patience: number,
): Promise<Uint8Array> {
  const name = `signing agent ${path}`
  const problem = findSocketPathProblem(path)
  if (problem) throw new KeyError('NOT_FOUND', `nobody answers at ${name}: ${problem}`)
  const socket = createConnection({ path })
  // What goes wrong after the answer is of no interest.
  socket.on('error', () => undefined)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    socket.destroy()
  }, patience)
  try {
    const answer = await converse(socket, request)
    if (timedOut) throw silence(name, patience)
    if (!answer) throw new KeyError('SIGNER_FAILED', `${name} closed without an answer`)
    const response = parseAgentResponse(answer)
    if (response.kind === 'signature') return response.signature
    throw new KeyError('SIGNER_FAILED', `${name} refuses: ${response.message}`)
  } catch (error) {
    throw timedOut ? silence(name, patience) : explain(error, name)
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

async function converse(socket: Socket, request: AgentRequest): Promise<Uint8Array | undefined> {
  socket.write(formatAgentRequest(request))
  return readLine(socket, MAX_AGENT_LINE)
}

function silence(name: string, patience: number): KeyError {
  return new KeyError('TIMED_OUT', `${name} did not answer within ${patience / 1000} s`)
}

function explain(error: unknown, name: string): unknown {
  if (error instanceof FormatError) {
    return new KeyError('SIGNER_FAILED', `${name} does not speak our protocol: ${error.message}`, {
      cause: error,
    })
  }
  const errno = errnoOf(error)
  if (errno === undefined) return error
  if (errno === 'ENOENT' || errno === 'ECONNREFUSED' || errno === 'ENOTSOCK') {
    const hint = 'extsign agent starts one'
    return new KeyError('NOT_FOUND', `nobody answers at ${name}: ${errno}`, { hint, cause: error })
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    return new KeyError('UNREADABLE', `no permission to connect to ${name}`, { cause: error })
  }
  return new KeyError('SIGNER_FAILED', `${name} broke off: ${errno}`, { cause: error })
}
