/** Secrets for many credentials: read when they are needed, kept while another one needs them too. */

import { copySecret } from '../../bytes/secret.ts'
import { KeyError } from '../../errors.ts'
import { MAX_PLAINTEXT } from '../../formats/credential/layout.ts'
import type { Context } from '../context.ts'
import { programEnvironment } from '../program-environment.ts'
import { readSecretVariable } from '../secret-variable.ts'
import { DigestTable } from './digest-table.ts'
import { readSecret } from './files.ts'
import type { SecretSource } from './manifest-fields.ts'

/** Milliseconds that a program may take to print a secret; a person may have to unlock a vault. */
const PATIENCE = 120_000

export interface SecretSources {
  /** Announces that a source will be read, once for each time. */
  expect(source: SecretSource): void
  /**
   * A copy, the caller's to overwrite.
   *
   * @param signal ends a program that runs
   * @throws KeyError, FileError; AbortError
   */
  read(source: SecretSource, signal: AbortSignal): Promise<Uint8Array>
  /** Overwrites what is kept for uses that do not come any more. */
  forget(): Promise<void>
}

/**
 * Secrets are overwritten after the last of their announced uses. Programs find no variable that is
 * one of the sources.
 */
export function secretSources(context: Context): SecretSources {
  const uses = new DigestTable()
  const kept = new Map<string, Promise<Uint8Array>>()
  const variables = new Set<string>()
  const run = async (words: readonly string[], signal: AbortSignal) => {
    const { readCommandOutput } = await import('../../keys/command-output.ts')
    const environment = programEnvironment(context, variables)
    return readCommandOutput({
      words,
      maximum: MAX_PLAINTEXT,
      environment,
      patience: PATIENCE,
      signal,
    })
  }
  return {
    expect(source) {
      if (source.kind !== 'environment') {
        uses.update(JSON.stringify(source), (count) => count + 1)
      } else if (Object.hasOwn(context.environment, source.variable)) {
        variables.add(source.variable)
      }
    },
    async read(source, signal) {
      if (source.kind === 'environment') return readVariable(source.variable, context)
      const key = JSON.stringify(source)
      const left = uses.update(key, (count) => Math.max(count - 1, 1))
      const reading =
        kept.get(key) ??
        (source.kind === 'command' ? run(source.words, signal) : readSecret(source.path, context))
      if (left <= 1) {
        kept.delete(key)
        return reading
      }
      kept.set(key, reading)
      return copySecret(await reading)
    },
    async forget() {
      for (const reading of kept.values()) {
        await reading.then(
          (secret) => secret.fill(0),
          () => {},
        )
      }
      kept.clear()
    },
  }
}

function readVariable(variable: string, context: Context): Uint8Array {
  const secret = readSecretVariable(context, variable)
  if (secret) return secret
  throw new KeyError('NOT_FOUND', `the variable ${variable} is not set`)
}
