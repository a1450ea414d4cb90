/** A signer whose key another process holds, behind a Unix socket. */

import type { LoadedCertificate } from '../certificate.ts'
import { checkedSigner, type LoadedSigner } from './checked-signer.ts'

export interface AgentSignerOptions {
  /** Path of the agent's socket. */
  readonly socket: string
  readonly certificate: LoadedCertificate
  /** Milliseconds until an agent that does not answer is given up. */
  readonly patience: number
}

/** A signer that asks an agent for every signature. Nothing is connected before the first one. */
export function agentSigner({ socket, certificate, patience }: AgentSignerOptions): LoadedSigner {
  return checkedSigner({
    certificate,
    holder: `signing agent ${socket}`,
    async sign(request) {
      const { askAgent } = await import('./ask-agent.ts')
      return askAgent(socket, { ...request, certificate: certificate.fingerprint }, patience)
    },
  })
}
