/** Holding a key for others; what listens on the socket is loaded only when it is asked for. */

import type { Agent, AgentOptions } from './serve-agent.ts'

export type { Agent, AgentEvent, AgentOptions } from './serve-agent.ts'

/**
 * Starts a signing agent, which runs until it is closed.
 *
 * @throws KeyError EXISTS where the socket's name is taken, UNREADABLE where it cannot be made.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { serveAgent } = await import('./serve-agent.ts')
  return serveAgent(options)
}
