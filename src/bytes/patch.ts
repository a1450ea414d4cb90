/** Changes to bytes that are somewhere else: what to write where. */

import type { Source } from './source.ts'

export interface Patch {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** `source` with `size` bytes as it is once the patches have been written, the last one on top. */
export function patchedSource(source: Source, patches: readonly Patch[], size: number): Source {
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length)
      const there = Math.max(0, Math.min(length, source.size - offset))
      if (there > 0) bytes.set(await source.read(offset, there))
      for (const patch of patches) apply(patch, bytes, offset)
      return bytes
    },
  }
}

/** The part of each patch that changes something, which may be none of it. */
export async function trimPatches(source: Source, patches: readonly Patch[]): Promise<Patch[]> {
  const trimmed: Patch[] = []
  for (const { offset, bytes } of patches) {
    const there = Math.max(0, Math.min(bytes.length, source.size - offset))
    const old = await source.read(offset, there)
    const differs = (byte: number, index: number) => byte !== old[index]
    const first = bytes.findIndex(differs)
    if (first < 0) continue
    const end = bytes.findLastIndex(differs) + 1
    trimmed.push({ offset: offset + first, bytes: bytes.subarray(first, end) })
  }
  return trimmed
}

/** Writes the part of `patch` that lies in `bytes`, which begin at `start`. */
function apply(patch: Patch, bytes: Uint8Array, start: number): void {
  const from = Math.max(patch.offset, start)
  const to = Math.min(patch.offset + patch.bytes.length, start + bytes.length)
  if (to <= from) return
  bytes.set(patch.bytes.subarray(from - patch.offset, to - patch.offset), from - start)
}
