/**
 * A change of an image that was decided and interrupted, if it is one that `resign` or `attach` makes.
 *
 * Anybody may have put a journal beside an image, and readers that do not know it see the image
 * without it. So it counts only where it leaves everything but the signature as those readers see it.
 */

import { realpath } from 'node:fs/promises'
import type { FileSource } from '../../files/file-source.ts'
import { readJournal, withPatches } from '../../files/pending-change.ts'
import type { ChangeJournal } from '../../formats/change-journal.ts'
import { decodeGpt, findPartitionType, type GptPartition } from '../../formats/gpt/index.ts'
import { attempt, resultOf } from './attempt.ts'

/** The change of the image in `file`; undefined where there is none that counts. */
export async function findPendingChange(
  file: FileSource,
  path: string,
): Promise<ChangeJournal | undefined> {
  const journal = await readJournal(await realpath(path), file)
  if (!journal) return undefined
  const changed = withPatches(file, journal.changes, journal.newSize)
  const before = resultOf(await attempt(() => decodeGpt(file)))
  const after = resultOf(await attempt(() => decodeGpt(changed)))
  if (!before || !after) return undefined
  const kept = before.partitions.filter(isNoSignature)
  const isSame = describe(kept) === describe(after.partitions.filter(isNoSignature))
  return isSame && kept.every((partition) => isUntouched(partition, journal)) ? journal : undefined
}

function isNoSignature({ typeGuid }: GptPartition): boolean {
  return findPartitionType(typeGuid)?.role !== 'signature'
}

/** Everything that an entry says. */
function describe(partitions: readonly GptPartition[]): string {
  return JSON.stringify(
    partitions.map(({ attributes, ...rest }) => ({ ...rest, attributes: `${attributes}` })),
  )
}

function isUntouched({ offset, size }: GptPartition, { changes }: ChangeJournal): boolean {
  return changes.every(
    (change) => change.offset + change.bytes.length <= offset || change.offset >= offset + size,
  )
}
