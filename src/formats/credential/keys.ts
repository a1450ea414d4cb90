/** The AES key of a credential, made of what its type says, and for scoped ones of the user too. */

import { concat } from '../../bytes/concat.ts'
import { encode, struct, u32le, u64le } from '../../bytes/struct.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { hmacSha256, sha256 } from '../../crypto/sha256.ts'
import { SCOPE_FLAGS } from './layout.ts'

/** The user of one machine to whom a scoped credential belongs. */
export interface Scope {
  readonly uid: number
  /** As the target's user database gives it for `uid`. */
  readonly userName: string
  /** 16 bytes. */
  readonly machineId: Uint8Array
}

/** What goes into the key, as the type demands. */
export interface KeyParts {
  /** Data of the host's secret file, without the 16 bytes in front. */
  readonly host?: Uint8Array | undefined
  /** The secret that the TPM unseals. */
  readonly tpm?: Uint8Array | undefined
  readonly scope?: Scope | undefined
}

const ScopeMessage = struct({ flags: u64le, uid: u32le })

/** 32 bytes; the caller overwrites them after use. */
export function deriveKey({ host, tpm, scope }: KeyParts): Uint8Array {
  const key = sha256(...[host, tpm].filter((part) => part !== undefined))
  if (scope === undefined) return key
  const message = concat(
    encode(ScopeMessage, { flags: SCOPE_FLAGS, uid: scope.uid }),
    scope.machineId,
    encodeUtf8(`${scope.userName}\0`),
  )
  const scoped = hmacSha256(key, message)
  key.fill(0)
  return scoped
}
