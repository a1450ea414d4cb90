/** `extsign agent`. */

import { allOf } from '../../files/all-of.ts'
import { describeParts } from '../../formats/signing-purpose/describe.ts'
import { PURPOSES } from '../../formats/signing-purpose/parts.ts'
import { loadPolicyPublicKey } from '../../keys/policy-key.ts'
import { type AgentEvent, startAgent } from '../../keys/signers/start-agent.ts'
import { flag, option, options } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, printWarnings } from '../errors.ts'
import { formatJsonLine } from '../json.ts'
import { loadSigner } from '../signer.ts'
import { signerOptions } from '../signer-options.ts'
import { formatPairs, printable, printableClaim } from '../terminal.ts'
import { choice, file, named } from '../types.ts'

const DEFAULT_SOCKET = 'extsign-agent.sock'

export const agent = defineCommand({
  name: 'agent',
  description:
    'Holds a private key and signs for whoever may connect to a Unix socket: commands started with --private-key-source=agent. The socket has mode 0600. Only what a purpose may have signed is signed, and every request is shown.\n\nRuns until it is interrupted.',
  arguments: {
    socket: option({
      long: 'socket',
      type: named('PATH', file),
      description: `where the socket is made; by default ${DEFAULT_SOCKET}, here`,
    }),
    purpose: options({
      long: 'purpose',
      type: choice(PURPOSES),
      description: 'sign for this purpose; may be given several times; by default verity-root-hash',
    }),
    oldPublicKey: options({
      long: 'old-public-key',
      type: file,
      description:
        'also sign policies that this key has signed, though the values of their PCRs are not known any more; for a rotation',
    }),
    ...signerOptions,
    json: flag({
      long: 'json',
      description: 'print what is signed and refused as JSON, one line each',
    }),
  },
  examples: [
    'extsign agent --socket /run/user/1000/extsign.sock --private-key keys/release.key --certificate keys/release.crt',
    'extsign agent --purpose pcr-policy --private-key keys/pcr.key --certificate keys/pcr.crt',
  ],
  async run(values, context) {
    const oldKeys = await allOf(values.oldPublicKey.map(loadPolicyPublicKey))
    const { signer, warnings } = await loadSigner(values, context)
    const interrupted = context.interrupts()
    const { socket = DEFAULT_SOCKET, json } = values
    const purposes = values.purpose.length > 0 ? values.purpose : (['verity-root-hash'] as const)
    try {
      const running = await startAgent({
        socket,
        signer,
        purposes,
        oldKeys,
        onRequest: (event) =>
          context.stdout.deliver(json ? describeInJson(event) : describe(event)),
      })
      // Nothing is said before the socket can be connected to: a script may wait for the first word.
      printWarnings(warnings, context.stderr)
      const { subject } = signer.certificate
      const start = { event: 'started', purposes, subject: subject.text, socket }
      context.stdout.write(
        json
          ? `${formatJsonLine(start)}\n`
          : `signing ${purposes.join(', ')} as ${printable(subject.text)} at ${printable(socket)}\n`,
      )
      await aborted(interrupted)
      await running.close()
    } finally {
      signer.forget()
    }
    return ExitCode.done
  },
})

/** The subject is what the peer says; below it is what the bytes are. */
function describe({ request, parts, refusal }: AgentEvent): string {
  const what = request ? `${request.purpose}: ${request.subject}` : 'something unreadable'
  const why = refusal === undefined ? '' : `: ${refusal}`
  const pairs = parts ? describeParts(parts) : []
  return [
    `${refusal === undefined ? 'signed' : 'refused'} ${printableClaim(what + why)}\n`,
    formatPairs(pairs.map(([label, value]) => [label, printableClaim(value)])),
  ].join('')
}

function describeInJson({ request, parts, refusal }: AgentEvent): string {
  const { purpose, subject } = request ?? {}
  const event = refusal === undefined ? 'signed' : 'refused'
  return `${formatJsonLine({ event, purpose, ...parts, subject, refusal })}\n`
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
