/** The image's name from what is given, and the output's path from the name. */

import { statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { ExtensionKind } from '../formats/release/kind.ts'
import { baseNameOf, imageNameOf } from '../formats/release/names.ts'
import type { Context } from './context.ts'
import { UsageError } from './errors.ts'

export interface Naming {
  readonly name: string
  readonly output: string
}

interface Given {
  readonly output: string | undefined
  readonly name: string | undefined
  readonly version: string | undefined
}

/**
 * Name and output of an extension. systemd finds the release file by the image's file name, so the
 * output names the image unless `--name` does; without either it is called like the tree.
 */
export function nameExtension(
  kind: ExtensionKind,
  tree: string,
  given: Given,
  context: Context,
): Naming {
  const file = outputFile(given.output)
  const fromOutput = file === undefined ? undefined : imageNameOf(kind, basename(file))
  const name =
    given.name ??
    (fromOutput === undefined ? basename(resolve(context.cwd(), tree)) : baseNameOf(fromOutput))
  return { name, output: file ?? defaultOutput(given, name, `.${kind}.raw`) }
}

/** Name and output of a wrapped file system, which may be either kind or none. */
export function nameWrapped(filesystem: string, given: Given): Naming {
  const file = outputFile(given.output)
  const fromOutput = file?.endsWith('.raw')
    ? baseNameOf(basename(file).replace(/(?:\.(?:sysext|confext))?\.raw$/, ''))
    : undefined
  const name = given.name ?? fromOutput ?? basename(filesystem).replace(/(?<=.)\.[^.]*$/, '')
  return { name, output: file ?? defaultOutput(given, name, '.raw') }
}

/** The file that `--output` names, or undefined where it names a folder or nothing. */
function outputFile(output: string | undefined): string | undefined {
  if (output === '-') {
    throw new UsageError('an image is not written to standard output', {
      hint: 'give --output the name of a file; ./- is one',
    })
  }
  return output === undefined || isFolder(output) ? undefined : output
}

function defaultOutput({ output, version }: Given, name: string, suffix: string): string {
  const file = `${name}${version === undefined ? '' : `_${version}`}${suffix}`
  return output === undefined ? file : join(output, file)
}

function isFolder(path: string): boolean {
  return path.endsWith('/') || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
}
