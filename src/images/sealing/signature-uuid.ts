/**
 * The UUID of a signature partition that is added to a finished image: the one it would have had from
 * the beginning. It derives from the seed of the image, which the image does not say; but it says
 * what else derives from the seed, so that a guess can be checked.
 */

import { deriveIdentity, deriveSeed } from '../../formats/ddi/index.ts'
import type { Designator } from '../../formats/gpt/index.ts'

export interface SignatureUuidInput {
  /** Of the partition table. */
  readonly diskGuid: string
  readonly designator: Designator
  readonly architecture: string
  /** From which name and version are guessed. */
  readonly fileName: string
  /** The seed, where somebody knows it. */
  readonly seed?: string | undefined
}

const KINDS = ['sysext', 'confext', 'filesystem']

/**
 * The UUID from the given seed, from the default seed of the image's name and version, or, where the
 * image derives from neither, from its disk GUID.
 *
 * @returns undefined where the given seed is not that of the image
 */
export function signaturePartitionUuid(input: SignatureUuidInput): string | undefined {
  const { diskGuid, designator, architecture, seed } = input
  const identify = (candidate: string) => deriveIdentity(candidate, architecture, designator)
  if (seed !== undefined) {
    const identity = identify(seed)
    return identity.diskGuid === diskGuid ? identity.signaturePartitionUuid : undefined
  }
  const found = guessSeeds(input.fileName)
    .map(identify)
    .find((identity) => identity.diskGuid === diskGuid)
  return (found ?? identify(diskGuid)).signaturePartitionUuid
}

/** Default seeds of images that could be called so: `hello_1.2_x86-64.sysext.raw`. */
function guessSeeds(fileName: string): string[] {
  const stem = fileName.replace(/(?:\.(?:sysext|confext))?\.raw$/, '')
  const [name = '', ...rest] = stem.split(/[_+]/)
  const names = [
    { name: stem, version: undefined },
    { name, version: undefined },
    ...rest.map((_, index) => ({ name, version: rest.slice(0, index + 1).join('_') })),
  ]
  return KINDS.flatMap((kind) => names.map((guess) => deriveSeed({ kind, ...guess })))
}
