/** A message without the ContentInfo around it, as UEFI has it (UEFI 2.10 §8.2.2). */

import { readDer } from '../x509/der.ts'
import { Fields, readExplicit } from '../x509/der-values.ts'

/** The SignedData inside a message. @throws FormatError where it is no message. */
export function unwrapSignedData(message: Uint8Array): Uint8Array {
  const contentInfo = new Fields(readDer('pkcs7', message), 'message')
  contentInfo.next('content type')
  const content = readExplicit(contentInfo.next('content', 0xa0), 'content')
  contentInfo.end()
  return content.raw
}
