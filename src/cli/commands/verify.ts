/** `extsign verify IMAGE…`. */

import { ExtsignError, FormatError } from '../../errors.ts'
import { readText } from '../../files/text.ts'
import { type Verification, verifyImage } from '../../images/verify.ts'
import type { VerifyOptions } from '../../images/verify-options.ts'
import { flag, option, positionals, type ValuesOf } from '../arguments.ts'
import { threadsOption, watch } from '../build-options.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { ExitCode, inFile, reportError, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { progressLine } from '../progress.ts'
import { loadTrust, trustOptions } from '../trust-options.ts'
import { architecture, choice, file, imagePolicy, named, scope } from '../types.ts'
import { formatVerification } from '../verify-report.ts'

const TARGET = 'Target'

const targetOptions = {
  osRelease: option({
    long: 'os-release',
    group: TARGET,
    type: file,
    description: "the target's os-release: say whether it merges the image, and if not, why",
  }),
  scope: option({
    long: 'scope',
    group: TARGET,
    type: scope,
    description: 'where it is merged; by default system',
  }),
  architecture: option({
    long: 'architecture',
    group: TARGET,
    type: architecture,
    description: "the target's machine; by default not compared",
  }),
  kind: option({
    long: 'kind',
    group: TARGET,
    type: choice(['sysext', 'confext']),
    description: 'what the image is; by default its name and contents say',
  }),
  imagePolicy: option({
    long: 'image-policy',
    group: TARGET,
    type: imagePolicy,
    description: 'say whether this systemd.image-policy(7) admits it',
  }),
}

export const verify = defineCommand({
  name: 'verify',
  description:
    'Runs every check there is, on every image, and reports them all: partition table, hash tree, signature, file system and release file. Says what kernel and systemd would do. Neither root nor systemd is needed.\n\nEnds with 0 only when nothing is wrong and a trusted certificate vouches for every image, else with 3.',
  arguments: {
    images: positionals({ type: named('IMAGE', file), description: 'the images' }),
    ...trustOptions,
    unsigned: flag({
      long: 'unsigned',
      group: 'Trust',
      description: 'be content when nothing is wrong, though nobody vouches for the image',
    }),
    ...targetOptions,
    json: flag({ long: 'json', description: 'print the findings as JSON' }),
    quiet: flag({ long: 'quiet', short: 'q', description: 'print nothing; the exit code says it' }),
    ...threadsOption,
  },
  examples: [
    'extsign verify hello.sysext.raw --certificate keys/release.crt',
    'extsign verify *.raw --trust-directory target/etc/verity.d --os-release target/os-release',
    'extsign verify hello.raw --certificate keys/release.crt --image-policy root=signed+absent',
  ],
  async run(values, context) {
    const options = await toVerifyOptions(values)
    const reports: (Verification | Unreadable)[] = []
    let code: number = ExitCode.done
    for (const path of values.images) {
      const report = await examine(path, options, values.quiet, context)
      reports.push(report)
      code = worse(code, rate(report, values.unsigned))
      if (!values.json && !values.quiet && 'findings' in report) {
        context.stdout.write(formatVerification(report, context))
      }
    }
    if (values.json) context.stdout.write(formatJson(reports.map(withoutRating)))
    return code
  },
})

type TargetValues = ValuesOf<typeof trustOptions> &
  ValuesOf<typeof targetOptions> &
  ValuesOf<typeof threadsOption>

async function toVerifyOptions(values: TargetValues): Promise<VerifyOptions> {
  const { osRelease, kind, scope, architecture, imagePolicy, threads } = values
  const useless = osRelease === undefined && (scope ? 'scope' : architecture && 'architecture')
  if (useless) throw new UsageError(`--${useless} says something only beside --os-release`)
  return {
    ...(await loadTrust(values)),
    osRelease:
      osRelease === undefined ? undefined : { path: osRelease, text: await readText(osRelease) },
    kind,
    scope,
    architecture: architecture === '_any' ? undefined : architecture,
    imagePolicy,
    threads,
  }
}

/** An image that could not be examined at all; the others still are. */
interface Unreadable {
  readonly path: string
  readonly error: { readonly code: string; readonly message: string }
  /** Whether it was read and is no image, rather than not read. */
  readonly isMalformed: boolean
}

async function examine(
  path: string,
  options: VerifyOptions,
  quiet: boolean,
  context: Context,
): Promise<Verification | Unreadable> {
  const line = progressLine(context, quiet)
  const onProgress = watch(line, context.interrupts())
  try {
    return await verifyImage(path, { ...options, onProgress }).finally(line.clear)
  } catch (error) {
    if (!(error instanceof ExtsignError)) throw error
    reportError(inFile(path, error), context.stderr)
    const { code, message } = error
    return { path, error: { code, message }, isMalformed: error instanceof FormatError }
  }
}

function rate(report: Verification | Unreadable, unsigned: boolean): number {
  if ('error' in report) return report.isMalformed ? ExitCode.wanting : ExitCode.failed
  const { verdict, pendingChange } = report
  // Not knowing who signed can be asked for; not knowing which of two images it is cannot.
  const isEnough = unsigned && verdict === 'unproven' && pendingChange === undefined
  return verdict === 'ok' || isEnough ? ExitCode.done : ExitCode.wanting
}

function withoutRating(report: Verification | Unreadable): unknown {
  return 'error' in report ? { path: report.path, error: report.error } : report
}

/** Not having looked at an image is worse than having found fault with one. */
function worse(a: number, b: number): number {
  return a === ExitCode.failed || b === ExitCode.failed ? ExitCode.failed : Math.max(a, b)
}
