/** The storage keys of a TPM: the persistent root key, and primary keys made for one operation. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { TpmError } from '../../errors.ts'
import { CreatePrimary, EvictControl, GetCurves, ReadPublic } from '../../formats/tpm2/commands.ts'
import { Handle } from '../../formats/tpm2/constants.ts'
import { ResponseCode } from '../../formats/tpm2/response-code.ts'
import {
  parseSerializedParent,
  type SerializedParent,
} from '../../formats/tpm2/serialized-parent.ts'
import {
  type StoragePublicKey,
  storageKeyOf,
  storageKeyTemplate,
} from '../../formats/tpm2/storage-key.ts'
import { type Entity, entityOf, isRefusal, type TpmConnection } from './connection.ts'
import { withSession } from './sessions.ts'

/** A storage key that is in the TPM now. */
export interface Parent extends Entity {
  readonly key: StoragePublicKey
}

/** Which parent a sealed object has: systemd's primary key of old, or one it names completely. */
export type ParentChoice =
  | { readonly kind: 'legacy'; readonly algorithm: 'ecc' | 'rsa' }
  | { readonly kind: 'pinned'; readonly serialized: Uint8Array }

const P256 = 0x0003
const NONE = new Uint8Array()

/** EC where the TPM has P-256, as systemd prefers it; RSA otherwise. */
export async function preferredAlgorithm(connection: TpmConnection): Promise<'ecc' | 'rsa'> {
  const { response } = await connection.run(GetCurves, { parameters: {} })
  return response.curves.includes(P256) ? 'ecc' : 'rsa'
}

/** Makes a primary key from its template, the same each time, for as long as `use` takes. */
export async function withPrimary<Result>(
  connection: TpmConnection,
  template: 'srk' | 'legacy',
  algorithm: 'ecc' | 'rsa',
  use: (parent: Parent) => Promise<Result>,
): Promise<Result> {
  const { handle, response } = await connection.runWithPassword(CreatePrimary, {
    handles: [entityOf(Handle.owner)],
    parameters: {
      sensitive: { authValue: NONE, data: NONE },
      publicArea: storageKeyTemplate(template, algorithm),
      outsideInfo: NONE,
      creationPcrs: [],
    },
  })
  return connection.holding(handle, async () => {
    const key = storageKeyOf(response.publicArea)
    return use({ handle, name: key.name, key })
  })
}

/** The key at a persistent handle, or undefined where there is nothing. */
export async function readStorageKey(
  connection: TpmConnection,
  handle: number,
): Promise<Parent | undefined> {
  try {
    const { response } = await connection.run(ReadPublic, {
      handles: [entityOf(handle)],
      parameters: {},
    })
    const key = storageKeyOf(response.publicArea)
    return { handle, name: key.name, key }
  } catch (error) {
    if (isRefusal(error, ResponseCode.handle)) return undefined
    throw error
  }
}

/**
 * Has the other end show that it has the private part of a key: nobody else can answer in a session
 * that is salted to it.
 *
 * @throws TpmError BAD_RESPONSE where it has not
 */
export async function confirmStorageKey(connection: TpmConnection, parent: Parent): Promise<void> {
  const { response } = await withSession(connection, 'hmac', parent, (session) =>
    connection.run(ReadPublic, {
      handles: [parent],
      parameters: {},
      authorizer: session,
      audit: true,
    }),
  )
  if (equalBytes(response.name, parent.name)) return
  throw new TpmError('BAD_RESPONSE', 'the TPM calls its storage key by another name than it has')
}

/** The storage root key; made and kept by the TPM where it is missing, as systemd does. */
export async function provideStorageRootKey(connection: TpmConnection): Promise<Parent> {
  const found = await readStorageKey(connection, Handle.storageRootKey)
  if (found) return found
  const algorithm = await preferredAlgorithm(connection)
  return withPrimary(connection, 'srk', algorithm, async (primary) => {
    await connection.runWithPassword(EvictControl, {
      handles: [entityOf(Handle.owner), primary],
      parameters: { persistentHandle: Handle.storageRootKey },
    })
    return { ...primary, handle: Handle.storageRootKey }
  })
}

/**
 * Finds the parent of a sealed object for as long as `use` takes.
 *
 * @throws TpmError OTHER_TPM where another key is at its place, NO_KEY where there is none.
 */
export async function withParent<Result>(
  connection: TpmConnection,
  choice: ParentChoice,
  use: (parent: Parent) => Promise<Result>,
): Promise<Result> {
  if (choice.kind === 'legacy') return withPrimary(connection, 'legacy', choice.algorithm, use)
  const wanted = parseSerializedParent(choice.serialized)
  const found = await readStorageKey(connection, wanted.handle)
  if (found && equalBytes(found.name, wanted.key.name)) return use(found)
  if (wanted.key.template !== 'srk') throw missingParent(wanted, found)
  // Derived from the seed of the TPM: the same key comes out again, unless this is another TPM.
  return withPrimary(connection, 'srk', wanted.key.algorithm, (primary) => {
    if (!equalBytes(primary.name, wanted.key.name)) throw missingParent(wanted, primary)
    return use(primary)
  })
}

function missingParent(wanted: SerializedParent, found: Parent | undefined): TpmError {
  const place = `0x${wanted.handle.toString(16)}`
  const name = toHex(wanted.key.name)
  if (!found) {
    return new TpmError('NO_KEY', `the TPM has no key at ${place}, where parent ${name} should be`)
  }
  const other = toHex(found.name)
  return new TpmError('OTHER_TPM', `sealed under storage key ${name}, this TPM has ${other}`, {
    hint: 'it was sealed for another TPM, or this one was cleared since',
  })
}
