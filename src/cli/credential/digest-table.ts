/**
 * Numbers by texts, for a million texts and more: of a text only 96 bits of its SHA-256 are kept. Two
 * texts that share them are not to be feared: a million have one chance in 10^17.
 */

import { encodeUtf8 } from '../../bytes/utf8.ts'
import { sha256 } from '../../crypto/sha256.ts'

/** Numbers of 32 bits in a slot: three of the digest, and the value. */
const SLOT = 4
const FIRST_SIZE = 1024
/** Beyond this share of slots the table doubles: 22 to 43 bytes for a text. */
const MAX_FILLED = 3 / 4

export class DigestTable {
  #slots = new Uint32Array(FIRST_SIZE * SLOT)
  #used = 0

  /**
   * Changes the number of a text, and returns what it was before: 0 for a new one.
   *
   * @param change what it shall be, from 1 to 2^32 - 1
   */
  update(text: string, change: (value: number) => number): number {
    const digest = digestOf(text)
    const slot = this.#find(digest)
    const before = this.#slots[slot + 3]!
    this.#slots.set(digest, slot)
    this.#slots[slot + 3] = change(before)
    if (before === 0 && ++this.#used > (this.#slots.length / SLOT) * MAX_FILLED) this.#grow()
    return before
  }

  #find(digest: Uint32Array): number {
    const slots = this.#slots
    let slot = (digest[0]! * SLOT) % slots.length
    while (
      slots[slot + 3] !== 0 &&
      (slots[slot] !== digest[0] || slots[slot + 1] !== digest[1] || slots[slot + 2] !== digest[2])
    ) {
      slot = (slot + SLOT) % slots.length
    }
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += SLOT) {
      if (old[at + 3] !== 0)
        this.#slots.set(old.subarray(at, at + SLOT), this.#find(old.subarray(at)))
    }
  }
}

function digestOf(text: string): Uint32Array {
  const { buffer, byteOffset } = sha256(encodeUtf8(text))
  const view = new DataView(buffer, byteOffset)
  return Uint32Array.of(view.getUint32(0), view.getUint32(4), view.getUint32(8))
}
