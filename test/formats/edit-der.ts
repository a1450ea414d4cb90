/** DER with one element changed and all lengths around it right. */

import * as asn1js from 'asn1js'

/**
 * `der` with the element at `path` replaced, or with `how` another one put in front of it.
 *
 * @param path indexes of elements from the outermost to the changed one
 */
export function editDer(
  der: Uint8Array,
  path: readonly number[],
  element: asn1js.BaseBlock,
  how?: 'insert',
): Uint8Array {
  const root = asn1js.fromBER(Uint8Array.from(der).buffer, { parseEmbedded: false }).result
  let parent = root as asn1js.Constructed
  for (const index of path.slice(0, -1)) {
    // asn1js would keep the long form of a length that has become short.
    parent.lenBlock.longFormUsed = false
    parent = parent.valueBlock.value[index] as asn1js.Constructed
  }
  parent.lenBlock.longFormUsed = false
  parent.valueBlock.value.splice(path.at(-1)!, how === 'insert' ? 0 : 1, element)
  return new Uint8Array(root.toBER())
}
