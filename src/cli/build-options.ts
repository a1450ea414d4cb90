/** The options that `sysext`, `confext` and `wrap` share, and what they become for the library. */

import type { LayoutOptions, Progress } from '../images/options.ts'
import { sidecarPaths } from '../images/write/assemble.ts'
import { flag, option, type ValuesOf } from './arguments.ts'
import type { FilesBeside } from './kept-inputs.ts'
import type { ProgressLine } from './progress.ts'
import { signerOptions } from './signer-options.ts'
import { architecture, choice, file, integer, text, uuid } from './types.ts'

const OUTPUT = 'Output'
const SIGNING = 'Signing'
const LAYOUT = 'Layout'

export const outputOptions = {
  output: option({
    long: 'output',
    short: 'o',
    group: OUTPUT,
    type: { ...file, paths: undefined },
    description: "the image's file, or a folder for it; by default its name, here",
  }),
  name: option({
    long: 'name',
    group: OUTPUT,
    type: text('NAME'),
    description: "the image's name; by default taken from the output, else from the input",
  }),
  version: option({
    long: 'version',
    group: OUTPUT,
    type: text('VERSION'),
    description: 'its version',
  }),
  force: flag({
    long: 'force',
    short: 'f',
    group: OUTPUT,
    description: 'replace an existing output',
  }),
  sidecars: flag({
    long: 'sidecars',
    group: OUTPUT,
    description: 'also write NAME.roothash and, when signed, NAME.roothash.p7s',
  }),
  json: flag({
    long: 'json',
    group: OUTPUT,
    description: 'print the result as JSON',
  }),
  quiet: flag({
    long: 'quiet',
    short: 'q',
    group: OUTPUT,
    description: 'print neither the result nor progress',
  }),
}

export const signingOptions = {
  ...signerOptions,
  unsigned: flag({
    long: 'unsigned',
    group: SIGNING,
    description: 'do not sign; strict image policies refuse the image',
  }),
  deferSignature: flag({
    long: 'defer-signature',
    group: SIGNING,
    description: 'leave room for a signature that extsign attach puts in later',
  }),
}

export const threadsOption = {
  threads: option({
    long: 'threads',
    type: integer('N', { to: 256 }),
    description: 'worker threads; by default as many as there are processors',
  }),
}

export const layoutOptions = {
  architecture: option({
    long: 'architecture',
    group: LAYOUT,
    type: architecture,
    description: 'the machines it is for; by default x86-64 in the partition table',
  }),
  seed: option({
    long: 'seed',
    group: LAYOUT,
    type: uuid,
    description: 'what UUIDs and salt derive from; by default name and version',
  }),
  sectorSize: option({
    long: 'sector-size',
    group: LAYOUT,
    type: choice(['512', '4096']),
    description: 'sector size of the partition table; by default 512',
  }),
  ...threadsOption,
}

/** The part of {@link LayoutOptions} that is words on the command line and nothing else. */
export function toLayoutOptions(
  values: ValuesOf<typeof layoutOptions> & ValuesOf<typeof outputOptions>,
  output: string,
): LayoutOptions {
  const { architecture, seed, sectorSize, threads, force, sidecars } = values
  return {
    output,
    force,
    sidecars,
    ...(architecture && architecture !== '_any' && { architecture }),
    ...(seed && { seed }),
    ...(sectorSize && { sectorSize: sectorSize === '512' ? 512 : 4096 }),
    ...(threads !== undefined && { threads }),
  }
}

/** The image and what is beside it, which no argument may name. */
export function imageFiles(
  output: string,
  { sidecars }: { readonly sidecars: boolean },
): FilesBeside {
  return { writes: [output, ...(sidecars ? Object.values(sidecarPaths(output)) : [])] }
}

/** Shows progress, and ends the work between two steps of it when `signal` aborts. */
export function watch(line: ProgressLine, signal: AbortSignal): (progress: Progress) => void {
  return (progress) => {
    signal.throwIfAborted()
    line.update(progress)
  }
}
