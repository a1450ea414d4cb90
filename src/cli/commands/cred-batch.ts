/** `extsign cred batch MANIFEST`. */

import { decodeUtf8 } from '../../bytes/utf8.ts'
import { pooled } from '../../crypto/random.ts'
import { ExtsignError } from '../../errors.ts'
import { writeSmallFile } from '../../files/small-output.ts'
import { readText } from '../../files/text.ts'
import { flag, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { nameOfInput, STANDARD } from '../credential/files.ts'
import { parseManifest } from '../credential/manifest.ts'
import type { ManifestEntry } from '../credential/manifest-fields.ts'
import { type SealedReport, timesToText } from '../credential/report.ts'
import { sealRequest } from '../credential/request.ts'
import { type SealingKeysLoader, sharedSealingKeys } from '../credential/sealing.ts'
import { type SecretSources, secretSources } from '../credential/secret-sources.ts'
import { ExitCode, inFile, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { printable } from '../terminal.ts'
import { file, named } from '../types.ts'

const MAX_MANIFEST = 64 * 1024 * 1024

export const credBatch = defineCommand({
  name: 'cred batch',
  description:
    'Seals many secrets for many machines. The manifest has an object in each line (JSON Lines) or a table [[credential]] (TOML) for each of them, with the options of extsign cred encrypt by their long names, the "output", and where the secret comes from: "input", a file or -; "environment", a variable; or "command", a program with its arguments.\n\nA manifest with a mistake is refused before anything is sealed. Credentials that cannot be sealed are reported, the others are written, each whole or not at all.',
  arguments: {
    manifest: positional({
      type: named('MANIFEST', file),
      description: 'JSON Lines or TOML; - for standard input',
    }),
    allowCommands: flag({ long: 'allow-commands', description: 'run the programs it names' }),
    force: flag({ long: 'force', short: 'f', description: 'replace existing outputs' }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
    quiet: flag({ long: 'quiet', short: 'q', description: 'print neither result nor progress' }),
  },
  examples: [
    'extsign cred batch fleet.toml',
    'extsign cred batch --json fleet.jsonl > sealed.json',
  ],
  async run({ manifest, allowCommands, force, json, quiet }, context) {
    const text = await readManifest(manifest, context)
    const entries = await parseManifest(text, nameOfInput(manifest))
    assertAllowed(entries, manifest, allowCommands)
    const sources = secretSources(
      entries.map(({ source }) => source),
      context,
    )
    const keys = sharedSealingKeys()
    const progress = progressOf(entries.length, quiet, context)
    const interrupted = context.interrupts()
    const tools = {
      sources,
      loadKeys: keys.load,
      force,
      reports: json,
      context: { ...context, random: pooled(context.random) },
    }
    const outcomes: Outcome[] = []
    try {
      for (const entry of entries) {
        interrupted.throwIfAborted()
        outcomes.push(await sealEntry(entry, tools))
        progress.update(outcomes.length)
      }
    } finally {
      await keys.forget()
      progress.clear()
    }
    for (const outcome of outcomes) printConversation(outcome, manifest, context)
    const failed = outcomes.filter(({ error }) => error !== undefined).length
    if (json) context.stdout.write(formatJson(outcomes.map(toDocument)))
    else if (!quiet) context.stdout.write(summarize(outcomes.length - failed, failed))
    return failed === 0 ? ExitCode.done : ExitCode.failed
  },
})

/** What became of a credential; not the credential, of which there may be many and large ones. */
interface Outcome {
  readonly line: number
  readonly output: string
  readonly warnings?: readonly string[]
  readonly report?: SealedReport | undefined
  readonly error?: ExtsignError
}

interface Tools {
  readonly sources: SecretSources
  readonly loadKeys: SealingKeysLoader
  readonly force: boolean
  /** Whether somebody wants to read them. */
  readonly reports: boolean
  readonly context: Context
}

async function sealEntry(
  { line, source, request }: ManifestEntry,
  { sources, loadKeys, force, reports, context }: Tools,
): Promise<Outcome> {
  const { output } = request
  try {
    const read = () => sources.read(source)
    const { text, warnings, report } = await sealRequest(request, read, context, loadKeys)
    writeSmallFile(output, text, force)
    return { line, output, warnings, report: reports ? await report() : undefined }
  } catch (thrown) {
    const error = inFile(output, thrown)
    if (!(error instanceof ExtsignError)) throw error
    return { line, output, error }
  }
}

async function readManifest(path: string, context: Context): Promise<string> {
  if (path !== STANDARD) return readText(path, { maximum: MAX_MANIFEST })
  const bytes = await context.readInput(MAX_MANIFEST)
  if (bytes === undefined) throw new UsageError('the manifest is too large')
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new UsageError('the manifest is not UTF-8 text')
  return text.replace(/^\ufeff/, '')
}

/** A manifest from somebody else must not run programs by being read. */
function assertAllowed(
  entries: readonly ManifestEntry[],
  manifest: string,
  allowCommands: boolean,
): void {
  const command = entries.find(({ source }) => source.kind === 'command')
  if (command !== undefined && !allowCommands) {
    throw new UsageError(`${nameOfInput(manifest)} line ${command.line}: it runs a program`, {
      hint: '--allow-commands runs the programs that the manifest names',
    })
  }
  const stdin = entries.find(
    ({ request, source }) => source.kind === 'file' && request.input === STANDARD,
  )
  if (stdin !== undefined && manifest === STANDARD) {
    throw new UsageError(
      `${nameOfInput(manifest)} line ${stdin.line}: the secret cannot come from there too`,
    )
  }
}

function progressOf(total: number, quiet: boolean, { stderr, environment }: Context) {
  const isShown = !quiet && stderr.isTerminal && !environment.CI && environment.TERM !== 'dumb'
  let shown = -1
  return {
    update(done: number) {
      const share = Math.floor((done / total) * 100)
      if (!isShown || share === shown) return
      shown = share
      stderr.write(`\r\x1b[Ksealing ${share} %`)
    },
    clear() {
      if (shown >= 0) stderr.write('\r\x1b[K')
    },
  }
}

function printConversation(
  { line, output, warnings = [], error }: Outcome,
  manifest: string,
  { stderr }: Context,
): void {
  const place = `${nameOfInput(manifest)} line ${line}: `
  for (const warning of warnings) {
    stderr.write(`extsign: warning: ${printable(`${place}${output}: ${warning}`)}\n`)
  }
  if (error === undefined) return
  stderr.write(`extsign: error: ${printable(place + error.message)}\n`)
  if (error.hint !== undefined) stderr.write(`extsign: hint: ${printable(error.hint)}\n`)
}

function toDocument({ line, output, warnings, report, error }: Outcome): unknown {
  if (error !== undefined)
    return { line, output, error: { code: error.code, message: error.message } }
  return { line, ...(report && { ...timesToText(report), warnings }) }
}

function summarize(sealed: number, failed: number): string {
  const ending = failed === 0 ? '' : `, ${failed} failed`
  return `${sealed} ${sealed === 1 ? 'credential' : 'credentials'} sealed${ending}\n`
}
