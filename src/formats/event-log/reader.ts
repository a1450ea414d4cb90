/** Little-endian numbers and runs of bytes, one after the other. */

import { viewOf } from '../../bytes/struct.ts'
import { FormatError } from '../../errors.ts'

export const FORMAT = 'event log'

/** Walks over the log; nothing is read past its end. */
export class Reader {
  readonly #bytes: Uint8Array
  offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.offset
  }

  /** What is left, without stepping over it. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.offset)
  }

  take(size: number, field: string): Uint8Array {
    if (size > this.left) {
      const message = `${field} needs ${size} bytes, ${this.left} are left`
      throw new FormatError(FORMAT, 'TRUNCATED', message, { offset: this.offset })
    }
    this.offset += size
    return this.#bytes.subarray(this.offset - size, this.offset)
  }

  u8(field: string): number {
    return this.take(1, field)[0]!
  }

  u16(field: string): number {
    return viewOf(this.take(2, field)).getUint16(0, true)
  }

  u32(field: string): number {
    return viewOf(this.take(4, field)).getUint32(0, true)
  }

  bad(message: string, offset: number): FormatError {
    return new FormatError(FORMAT, 'BAD_VALUE', message, { offset })
  }
}
