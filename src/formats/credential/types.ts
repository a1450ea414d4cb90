/**
 * The types of encrypted credentials: the first 16 bytes, which say what is needed to open one and
 * which headers follow. See docs/formats/credential.md.
 */

import { toHex } from '../../bytes/hex.ts'

/** What a credential of a type is bound to, and since when systemd reads it. */
export interface CredentialType {
  /** Words for people, and in JSON: `host+tpm2 with public key, pinned, scoped`. */
  readonly name: string
  /** 32 hexadecimal digits, in file order. */
  readonly id: string
  /** Whether the key contains the machine's secret file. */
  readonly host: boolean
  /** Whether the key contains a secret sealed by a TPM. */
  readonly tpm2: boolean
  /** Whether PCR policies signed with a key may open it. */
  readonly publicKey: boolean
  /** Whether it names the parent key of the sealed secret. */
  readonly pinned: boolean
  /** Whether it belongs to one user of the machine. */
  readonly scoped: boolean
  /** First version of systemd that reads it. */
  readonly since: number
}

export type CredentialBinding = Pick<
  CredentialType,
  'host' | 'tpm2' | 'publicKey' | 'pinned' | 'scoped'
>

/** Every type that is ever stored. */
export const CREDENTIAL_TYPES: readonly CredentialType[] = [
  define('058469daf6f54324800549da0f8ea2fb', 251, 'null'),
  define('5a1c6a86df9d4096b1d5a65e0862f19a', 250, 'host'),
  define('55b9ed1d38594d43a8319d2ebb332ac6', 256, 'host scoped'),
  define('0c7cc07b117645919c4b0bea08bc20fe', 250, 'tpm2'),
  define('faf7eb9341e3412ca1a436f95a29362f', 252, 'tpm2 key'),
  define('93a894094874449090caf2fc93cab553', 250, 'host tpm2'),
  define('ef4ac13679a9480ea7db68897f9f165d', 256, 'host tpm2 scoped'),
  define('af4950a849134eb1a73846304ff30c05', 252, 'host tpm2 key'),
  define('adbc4ca3efb64201ba881b6f2e4095ea', 256, 'host tpm2 key scoped'),
  define('d4062dfb71ad4c86804b40ef1180f1fc', 262, 'tpm2 pinned'),
  define('5e2d5c7603724eaf843c6fb5f64098f5', 262, 'tpm2 key pinned'),
  define('1414258818a240cd900bce862db5c7b9', 262, 'host tpm2 pinned'),
  define('2a1f877a4275431ab3f9ed1f5d8f6601', 262, 'host tpm2 pinned scoped'),
  define('afbfeaaceb6a4a3795419d135c47f37b', 262, 'host tpm2 key pinned'),
  define('16e492949f94400286758f94b7c52bc7', 262, 'host tpm2 key pinned scoped'),
]

/** IDs that stand for "choose for me" while encrypting; in a file they are refused. */
export const MODE_IDS: ReadonlyMap<string, string> = new Map([
  ['a219cb0785b24c04b16d18cab9d2ee01', 'auto'],
  ['45f3a67e0c124256a4ee75eb44c65a6f', 'auto-tpm2'],
  ['daf67a60d3eb47b3a9be2fd5fec21522', 'auto-host-and-tpm2'],
  ['02dc8ede3a0243aba9ec549c05e6a071', 'auto-initrd'],
  ['238896856f74488a9c786f6ab0e73b6a', 'auto-scoped'],
])

/** The type whose ID is in the first 16 bytes, or undefined. */
export function findTypeById(id: Uint8Array): CredentialType | undefined {
  const text = toHex(id)
  return CREDENTIAL_TYPES.find((type) => type.id === text)
}

/** The type with exactly this binding, or undefined: a scoped one always needs the host's secret. */
export function findTypeByBinding(binding: CredentialBinding): CredentialType | undefined {
  return CREDENTIAL_TYPES.find(
    (type) =>
      type.host === binding.host &&
      type.tpm2 === binding.tpm2 &&
      type.publicKey === binding.publicKey &&
      type.pinned === binding.pinned &&
      type.scoped === binding.scoped,
  )
}

function define(id: string, since: number, words: string): CredentialType {
  const has = (word: string) => words.split(' ').includes(word)
  const keys = ['host', 'tpm2'].filter(has).join('+') || 'null'
  const name = [
    `${keys}${has('key') ? ' with public key' : ''}`,
    ...['pinned', 'scoped'].filter(has),
  ].join(', ')
  return {
    name,
    id,
    host: has('host'),
    tpm2: has('tpm2'),
    publicKey: has('key'),
    pinned: has('pinned'),
    scoped: has('scoped'),
    since,
  }
}
