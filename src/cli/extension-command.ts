/** `extsign sysext` and `extsign confext`: the same command for the two kinds of extension. */

import { readText } from '../files/text.ts'
import { KINDS } from '../formats/release/kind.ts'
import { buildExtension } from '../images/build.ts'
import type { ExtensionKind, ReleaseOptions } from '../images/options.ts'
import { flag, option, options, positional, type ValuesOf } from './arguments.ts'
import {
  imageFiles,
  layoutOptions,
  outputOptions,
  signingOptions,
  toLayoutOptions,
  watch,
} from './build-options.ts'
import { formatBuildResult } from './build-report.ts'
import { type Command, defineCommand } from './command.ts'
import { type Context, environmentVariable } from './context.ts'
import { ExitCode, printWarnings } from './errors.ts'
import { nameExtension } from './image-name.ts'
import { formatJson } from './json.ts'
import { progressLine } from './progress.ts'
import { loadSigning } from './signing.ts'
import { sourceDateEpoch } from './source-date-epoch.ts'
import { compression, directory, file, named, property, scopes, text } from './types.ts'

/** Room for a million paths. */
const MAX_MANIFEST = 256 * 1024 * 1024

const RELEASE = 'Release file'
const CONTENT = 'Content'

function releaseOptions(kind: ExtensionKind) {
  const { prefix } = KINDS[kind]
  return {
    osRelease: option({
      long: 'os-release',
      group: RELEASE,
      type: file,
      description: `the target's os-release: stamps ID and ${prefix}_LEVEL, or VERSION_ID`,
    }),
    id: option({
      long: 'id',
      group: RELEASE,
      type: text('ID'),
      description: "the target's ID, or _any",
    }),
    versionId: option({
      long: 'version-id',
      group: RELEASE,
      type: text('VERSION_ID'),
      description: "the target's VERSION_ID",
    }),
    level: option({
      long: 'level',
      group: RELEASE,
      type: text('LEVEL'),
      environment: `${prefix}_LEVEL`,
      description: `the ${prefix}_LEVEL the target must have`,
    }),
    scope: option({
      long: 'scope',
      group: RELEASE,
      type: scopes,
      description: `${prefix}_SCOPE: where it may be used, of system, initrd and portable`,
    }),
    reloadManager: flag({
      long: 'reload-manager',
      group: RELEASE,
      description: 'let systemd reload its units after merging',
    }),
    property: options({
      long: 'property',
      group: RELEASE,
      type: property,
      description: 'a further field',
    }),
  }
}

const contentOptions = {
  compression: option({
    long: 'compression',
    group: CONTENT,
    type: compression,
    description: 'compress file contents; by default none; zstd levels are 1 to 19, by default 3',
  }),
  exclude: options({
    long: 'exclude',
    group: CONTENT,
    type: text('GLOB'),
    description: 'leave out what matches, relative to the tree',
  }),
  preserveOwner: flag({
    long: 'preserve-owner',
    group: CONTENT,
    description: 'keep the owners of the tree instead of 0:0',
  }),
  metadata: option({
    long: 'metadata',
    group: CONTENT,
    type: file,
    description: 'a manifest that sets owner, mode, xattrs and capabilities of paths',
  }),
}

/** @param description paragraphs for the help; `examples` likewise. */
export function extensionCommand(
  kind: ExtensionKind,
  texts: { readonly tree: string; readonly description: string; readonly examples: string[] },
): Command {
  return defineCommand({
    name: kind,
    description: texts.description,
    arguments: {
      tree: positional({ type: named('TREE', directory), description: texts.tree }),
      ...outputOptions,
      ...signingOptions,
      ...releaseOptions(kind),
      ...contentOptions,
      ...layoutOptions,
    },
    examples: texts.examples,
    files: (values, context) =>
      imageFiles(nameExtension(kind, values.tree, values, context).output, values),
    async run(values, context) {
      const naming = nameExtension(kind, values.tree, values, context)
      const osRelease =
        values.osRelease === undefined ? undefined : await readText(values.osRelease)
      const manifest = values.metadata && {
        path: values.metadata,
        text: await readText(values.metadata, { maximum: MAX_MANIFEST }),
      }
      const epoch = sourceDateEpoch(context)
      const { signing, warnings, forget } = await loadSigning(values, context)
      printWarnings(warnings, context.stderr)
      const line = progressLine(context, values.quiet)
      const result = await buildExtension({
        ...toLayoutOptions(values, naming.output),
        kind,
        tree: values.tree,
        name: naming.name,
        release: toReleaseOptions(kind, values, osRelease, context),
        exclude: values.exclude,
        preserveOwner: values.preserveOwner,
        onProgress: watch(line, context.interrupts()),
        ...(values.version && { version: values.version }),
        ...(values.compression && { compression: values.compression }),
        ...(epoch !== undefined && { sourceDateEpoch: epoch }),
        ...(signing && { signing }),
        ...(manifest && { manifest }),
      }).finally(() => {
        forget()
        line.clear()
      })
      printWarnings(result.warnings, context.stderr)
      if (values.json) {
        const all = [...warnings, ...result.warnings]
        context.stdout.write(formatJson({ ...result, warnings: all }))
      } else if (!values.quiet) {
        context.stdout.write(formatBuildResult(result, context))
      }
      return ExitCode.done
    },
  })
}

type ReleaseValues = ValuesOf<ReturnType<typeof releaseOptions>> &
  ValuesOf<Pick<typeof layoutOptions, 'architecture'>>

function toReleaseOptions(
  kind: ExtensionKind,
  values: ReleaseValues,
  osRelease: string | undefined,
  context: Context,
): ReleaseOptions {
  const { id, versionId, level, scope, architecture, reloadManager, property } = values
  const variable = `${KINDS[kind].prefix}_LEVEL`
  const environmentLevel = environmentVariable(context, variable)
  return {
    properties: property,
    ...(osRelease !== undefined && { osRelease }),
    ...(id && { id }),
    ...(versionId && { versionId }),
    ...(level && { level }),
    ...(environmentLevel && {
      environmentLevel: { value: environmentLevel, source: `$${variable}` },
    }),
    ...(scope && { scope }),
    ...(architecture && { architecture }),
    ...(reloadManager && { reloadManager }),
  }
}
