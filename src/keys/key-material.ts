/** What a file with key material holds, told from its bytes: PEM blocks, or one piece of DER. */

import { FormatError } from '../errors.ts'
import { readDer } from '../formats/x509/der.ts'
import { parsePem } from '../formats/x509/pem.ts'

export type MaterialKind =
  | 'certificate'
  | 'private-key'
  | 'encrypted-private-key'
  | 'public-key'
  | 'certificate-request'
  | 'unknown'

export interface Material {
  readonly kind: MaterialKind
  readonly encoding: 'pem' | 'der'
  /** The DER; of a PEM block with RFC 1421 headers nothing. Of DER it is the bytes themselves. */
  readonly der: Uint8Array
  /** How a private key in DER is wrapped, as `createPrivateKey` wants to know. */
  readonly keyType?: 'pkcs1' | 'pkcs8' | 'sec1'
}

type Labelled = Pick<Material, 'kind' | 'keyType'>

const LABELS: ReadonlyMap<string, Labelled> = new Map<string, Labelled>([
  ['CERTIFICATE', { kind: 'certificate' }],
  ['X509 CERTIFICATE', { kind: 'certificate' }],
  ['PRIVATE KEY', { kind: 'private-key', keyType: 'pkcs8' }],
  ['RSA PRIVATE KEY', { kind: 'private-key', keyType: 'pkcs1' }],
  ['EC PRIVATE KEY', { kind: 'private-key', keyType: 'sec1' }],
  ['ENCRYPTED PRIVATE KEY', { kind: 'encrypted-private-key', keyType: 'pkcs8' }],
  ['PUBLIC KEY', { kind: 'public-key' }],
  ['RSA PUBLIC KEY', { kind: 'public-key' }],
  ['CERTIFICATE REQUEST', { kind: 'certificate-request' }],
  ['NEW CERTIFICATE REQUEST', { kind: 'certificate-request' }],
])

const PEM_MARK = Buffer.from('-----BEGIN ')

/**
 * Everything in a file, in order; empty where it is neither PEM nor DER. PEM blocks of other
 * kinds (`EC PARAMETERS`, `OPENSSH PRIVATE KEY`) are `unknown`. See {@link forgetKeys}.
 *
 * @throws FormatError where a PEM block is damaged.
 */
export function readMaterial(bytes: Uint8Array): Material[] {
  if (viewOf(bytes).includes(PEM_MARK)) {
    return parsePem(bytes).map(({ label, der, hasHeaders }) => {
      const { kind, keyType } = LABELS.get(label) ?? { kind: 'unknown' }
      if (hasHeaders && kind === 'private-key') {
        return { kind: 'encrypted-private-key', encoding: 'pem', der }
      }
      return { kind, encoding: 'pem', der, ...(keyType && { keyType }) }
    })
  }
  const material = readDerMaterial(bytes)
  return material ? [material] : []
}

/** Overwrites what in the material may be secret. */
export function forgetKeys(material: readonly Material[]): void {
  for (const { kind, der } of material) {
    if (kind.endsWith('private-key') || kind === 'unknown') der.fill(0)
  }
}

/** The same bytes as a Buffer, not a copy: there is one secret less to overwrite. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Tells the structures apart by the types of their first fields. */
function readDerMaterial(der: Uint8Array): Material | undefined {
  const shape = findShape(der)
  if (shape === undefined) return undefined
  const is = (kind: MaterialKind, keyType?: Material['keyType']): Material => ({
    kind,
    encoding: 'der',
    der,
    ...(keyType ? { keyType } : {}),
  })
  const [first, second, third] = shape.tags
  if (first === 0x02 && second === 0x30) return is('private-key', 'pkcs8')
  if (first === 0x02 && second === 0x02) return is('private-key', 'pkcs1')
  if (first === 0x02 && second === 0x04) return is('private-key', 'sec1')
  if (first === 0x30 && second === 0x04) return is('encrypted-private-key', 'pkcs8')
  if (first === 0x30 && second === 0x03) return is('public-key')
  if (first === 0x30 && second === 0x30 && third === 0x03) {
    // A request starts with version 0 and the subject; a certificate has [0] or a serial number,
    // then an algorithm, the issuer and the validity.
    return is(shape.innerTags.at(-1) === 0xa0 ? 'certificate-request' : 'certificate')
  }
  return is('unknown')
}

function findShape(der: Uint8Array) {
  try {
    const { tag, children } = readDer('key', der)
    if (tag !== 0x30) return undefined
    const innerTags = (children[0]?.children ?? []).map((child) => child.tag)
    return { tags: children.map((child) => child.tag), innerTags }
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
