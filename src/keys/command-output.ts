/** What a program of the user's choice prints: a secret from a password manager. */

import { spawn } from 'node:child_process'
import { joinSecret } from '../bytes/secret.ts'
import { KeyError } from '../errors.ts'

/**
 * Runs a program, without a shell, and returns its standard output; the caller overwrites it. What
 * it says on standard error goes where ours goes.
 *
 * @param words the program and its arguments
 * @param maximum bytes of output
 * @throws KeyError NOT_FOUND, UNREADABLE
 */
export async function readCommandOutput(
  words: readonly string[],
  maximum: number,
): Promise<Uint8Array> {
  const [program = '', ...args] = words
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  let size = 0
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size > maximum) child.kill()
  })
  try {
    const { code, signal } = await ended(child, program)
    if (size > maximum) {
      throw new KeyError('UNREADABLE', `${program} prints more than ${maximum} bytes`)
    }
    if (code !== 0) {
      throw new KeyError('UNREADABLE', `${program} ended with ${code ?? signal}`)
    }
    return joinSecret(chunks)
  } finally {
    for (const chunk of chunks) chunk.fill(0)
  }
}

interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function ended(child: ReturnType<typeof spawn>, program: string): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new KeyError('NOT_FOUND', `cannot run ${program}`, { cause })),
    )
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
}
