/** UTF-8 as systemd judges it: noncharacters such as U+FFFE are invalid too. */

import { decodeUtf8 } from '../../bytes/utf8.ts'

const NONCHARACTER = /\p{Noncharacter_Code_Point}/u
const LONE_SURROGATE = /\p{Surrogate}/u

/** Text of `bytes`, or undefined where systemd would not call them valid UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const text = decodeUtf8(bytes)
  return text === undefined || NONCHARACTER.test(text) ? undefined : text
}

/** Whether systemd would call `text` valid UTF-8 once encoded. */
export function isText(text: string): boolean {
  return !LONE_SURROGATE.test(text) && !NONCHARACTER.test(text)
}
