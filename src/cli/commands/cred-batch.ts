/** `extsign cred batch MANIFEST`. */

import { pooled } from '../../crypto/random.ts'
import { ExtsignError } from '../../errors.ts'
import { writeSmallFile } from '../../files/small-output.ts'
import { keepStream, openRepeatable, type RepeatableFile } from '../../files/twice.ts'
import { flag, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { nameOfInput, STANDARD } from '../credential/files.ts'
import { hostSecretPath } from '../credential/keys.ts'
import { checkManifest, readEntries } from '../credential/manifest.ts'
import type { ManifestEntry } from '../credential/manifest-fields.ts'
import { type Outcome, type OutcomeWriter, outcomeWriter } from '../credential/outcomes.ts'
import { sealRequest } from '../credential/request.ts'
import { type SealingKeysLoader, sharedSealingKeys } from '../credential/sealing.ts'
import { type SecretSources, secretSources } from '../credential/secret-sources.ts'
import { inFile, UsageError } from '../errors.ts'
import { turning } from '../event-loop.ts'
import { identitiesOf } from '../kept-inputs.ts'
import { allowCommandsOption, notAllowed, outletOfTpm } from '../outlets.ts'
import { file, named } from '../types.ts'

export const credBatch = defineCommand({
  name: 'cred batch',
  description:
    'Seals many secrets for many machines. The manifest has an object in each line (JSON Lines) or a table [[credential]] (TOML) for each of them, with the options of extsign cred encrypt by their long names, the "output", and where the secret comes from: "input", a file or -; "environment", a variable; or "command", a program with its arguments.\n\nA manifest with a mistake is refused before anything is sealed. Credentials that cannot be sealed are reported, the others are written, each whole or not at all. There may be any number of them: they are read, sealed and reported one after the other.',
  arguments: {
    manifest: positional({
      type: named('MANIFEST', file),
      description: 'JSON Lines or TOML; - for standard input',
    }),
    ...allowCommandsOption,
    force: flag({ long: 'force', short: 'f', description: 'replace existing outputs' }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
    quiet: flag({ long: 'quiet', short: 'q', description: 'print neither result nor progress' }),
  },
  examples: [
    'extsign cred batch fleet.toml',
    'extsign cred batch --json fleet.jsonl > sealed.json',
  ],
  async run({ manifest, allowCommands, force, json, quiet }, context) {
    const name = nameOfInput(manifest)
    const content = await openManifest(manifest, context)
    const sources = secretSources(context)
    const keys = sharedSealingKeys()
    try {
      const outlets = outletCheck(name, allowCommands)
      const kept = [manifest, hostSecretPath({}, context)].flatMap(identitiesOf)
      const total = await checkManifest(content, name, (entry) => {
        assertKept(entry, kept)
        sources.expect(entry.source)
        if (manifest === STANDARD) assertOtherInput(entry)
        outlets.look(entry)
      })
      outlets.assertAllowed()
      const interrupted = context.interrupts()
      const writer = outcomeWriter({ name, total, json, quiet, interrupted, context })
      const random = pooled(context.random)
      const tools = { sources, loadKeys: keys.load, force, reports: json, interrupted }
      return await sealAll(readEntries(content), writer, {
        ...tools,
        context: { ...context, random },
      })
    } finally {
      await keys.forget()
      await sources.forget()
      await content.close()
    }
  },
})

interface Tools {
  readonly sources: SecretSources
  readonly loadKeys: SealingKeysLoader
  readonly force: boolean
  /** Whether somebody wants to read them. */
  readonly reports: boolean
  readonly interrupted: AbortSignal
  readonly context: Context
}

/** What is sealed of a manifest that changes meanwhile is said too. */
async function sealAll(
  entries: AsyncIterable<ManifestEntry>,
  writer: OutcomeWriter,
  tools: Tools,
): Promise<number> {
  const turn = turning()
  try {
    for await (const entry of entries) {
      await turn()
      const outcome = tools.interrupted.aborted ? undefined : await sealEntry(entry, tools)
      if (outcome === undefined) return await writer.end(entry)
      await writer.add(outcome)
    }
  } catch (error) {
    await writer.fail()
    throw error
  }
  return writer.end()
}

/** Nothing where it was interrupted. */
async function sealEntry(
  { line, source, request }: ManifestEntry,
  { sources, loadKeys, force, reports, interrupted, context }: Tools,
): Promise<Outcome | undefined> {
  const { output } = request
  try {
    const read = () => sources.read(source, interrupted)
    const { text, warnings, report } = await sealRequest(request, read, context, loadKeys)
    writeSmallFile(output, text, force)
    return { line, output, warnings, report: reports ? await report() : undefined }
  } catch (thrown) {
    if (interrupted.aborted && thrown === interrupted.reason) return undefined
    const error = inFile(output, thrown)
    if (!(error instanceof ExtsignError)) throw error
    return { line, output, error }
  }
}

async function openManifest(path: string, context: Context): Promise<RepeatableFile> {
  return path === STANDARD
    ? keepStream(context.openInput(), nameOfInput(path))
    : openRepeatable(path)
}

/** The manifest and the host secret of this machine are lost to no line either. */
function assertKept({ request: { output } }: ManifestEntry, kept: readonly string[]): void {
  if (!identitiesOf(output).some((identity) => kept.includes(identity))) return
  throw new UsageError(`${output} is read, and the output would replace it`)
}

function assertOtherInput({ source }: ManifestEntry): void {
  if (source.kind !== 'file' || source.path !== STANDARD) return
  throw new UsageError('the secret cannot come from there too')
}

/** A manifest from somebody else must not run programs by being read. */
function outletCheck(name: string, allowCommands: boolean) {
  let refusal: UsageError | undefined
  return {
    look({ line, source, request }: ManifestEntry) {
      const outlet =
        source.kind === 'command' ? 'it runs a program' : outletOfTpm(request.tpmDevice)
      if (outlet !== undefined) refusal ??= notAllowed(`${name} line ${line}`, outlet)
    },
    assertAllowed() {
      if (refusal !== undefined && !allowCommands) throw refusal
    },
  }
}
