/** Secrets for many credentials: read when they are needed, kept while another one needs them too. */

import { copySecret, secretOfText } from '../../bytes/secret.ts'
import { KeyError } from '../../errors.ts'
import { MAX_PLAINTEXT } from '../../formats/credential/layout.ts'
import type { Context } from '../context.ts'
import { readSecret } from './files.ts'
import type { SecretSource } from './manifest-fields.ts'

interface Kept {
  uses: number
  bytes: Promise<Uint8Array> | undefined
}

export interface SecretSources {
  /** A copy, the caller's to overwrite. @throws KeyError, FileError */
  read(source: SecretSource): Promise<Uint8Array>
}

/** @param sources all that will be read, by identity: a secret is overwritten after its last use */
export function secretSources(sources: readonly SecretSource[], context: Context): SecretSources {
  const bySecret = new Map<string, Kept>()
  const bySource = new Map<SecretSource, Kept>()
  for (const source of sources) {
    const key = JSON.stringify(source)
    const kept = bySecret.get(key) ?? { uses: 0, bytes: undefined }
    kept.uses++
    bySecret.set(key, kept)
    bySource.set(source, kept)
  }
  return {
    async read(source) {
      const kept = bySource.get(source)
      if (kept === undefined) throw new TypeError('a source that was not announced')
      kept.bytes ??= readSource(source, context)
      kept.uses--
      const bytes = await kept.bytes
      const copy = copySecret(bytes)
      if (kept.uses === 0) bytes.fill(0)
      return copy
    },
  }
}

async function readSource(source: SecretSource, context: Context): Promise<Uint8Array> {
  switch (source.kind) {
    case 'file':
      return readSecret(source.path, context)
    case 'environment': {
      const value = context.environment[source.variable]
      if (value !== undefined) return secretOfText(value)
      throw new KeyError('NOT_FOUND', `the variable ${source.variable} is not set`)
    }
    case 'command': {
      const { readCommandOutput } = await import('../../keys/command-output.ts')
      return readCommandOutput(source.words, MAX_PLAINTEXT)
    }
  }
}
