/** A TPM as somebody uses it: PCRs, storage keys, sealing and unsealing. */

import { equalBytes } from '../../bytes/equal.ts'
import { type Random, randomBytes } from '../../crypto/random.ts'
import { TpmError } from '../../errors.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { SealedBlob } from '../../formats/tpm2/seal-offline.ts'
import type { StoragePublicKey } from '../../formats/tpm2/storage-key.ts'
import { TpmConnection } from './connection.ts'
import { openTransport } from './device.ts'
import { readPcrs } from './pcrs.ts'
import { sealUnder } from './seal.ts'
import { withSession } from './sessions.ts'
import {
  confirmStorageKey,
  type Parent,
  preferredAlgorithm,
  provideStorageRootKey,
  withPrimary,
} from './storage-keys.ts'
import type { TpmTransport } from './transport.ts'
import { type UnsealInput, unseal } from './unseal.ts'

/**
 * Two storage keys every machine has: the storage root key, and the primary key systemd made for
 * credentials until version 261.
 */
export type StorageKeyChoice = 'srk' | 'legacy'

/** Operations run one after the other, and leave nothing in the TPM but the storage root key. */
export interface Tpm {
  /**
   * The values of the PCRs of a mask, as whoever has the storage key vouches for them: what is then
   * sealed under that key rests on no other answers than on those of its owner.
   *
   * @param storageKey by default `legacy`, which leaves nothing in the TPM
   * @throws TpmError NO_BANK
   */
  readPcrs(
    bank: PcrBank,
    mask: number,
    storageKey?: StorageKeyChoice,
  ): Promise<ReadonlyMap<number, Uint8Array>>
  /**
   * The public part of a storage key, of which the other end has shown that it has the private part.
   * The storage root key is made where it is missing.
   */
  storageKey(which: StorageKeyChoice): Promise<StoragePublicKey>
  /** Seals a secret of 1 to 128 bytes, which the caller overwrites. */
  seal(input: {
    readonly parent: StorageKeyChoice
    readonly secret: Uint8Array
    readonly policy: Uint8Array | undefined
  }): Promise<SealedBlob & { readonly parent: StoragePublicKey }>
  /** The secret of a sealed object, to be overwritten by the caller; see `unseal.ts` for errors. */
  unseal(input: UnsealInput): Promise<Uint8Array>
  close(): Promise<void>
}

/**
 * Opens a TPM.
 *
 * @param device `auto`, `/dev/tpmrm0`, `device:/dev/tpmrm0`, `swtpm:host=…,port=…`, `swtpm:path=…`
 * @param random where nonces and salts come from
 * @throws TpmError BAD_DEVICE, NOT_FOUND, DENIED, IO
 */
export async function openTpm(device: string, random: Random = randomBytes): Promise<Tpm> {
  return tpmBehind(await openTransport(device), random)
}

/** A TPM behind a transport of one's own. */
export function tpmBehind(transport: TpmTransport, random: Random = randomBytes): Tpm {
  const connection = new TpmConnection(transport, random)
  let last: Promise<unknown> = Promise.resolve()

  /** One operation at a time: a TPM has room for three objects and three sessions. */
  function queued<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = last.then(operation)
    last = result.catch(() => {})
    return result
  }

  const names = new Map<StorageKeyChoice, Uint8Array>()

  async function withKey<Result>(
    which: StorageKeyChoice,
    use: (parent: Parent) => Promise<Result>,
  ): Promise<Result> {
    const useSame = (parent: Parent) => {
      const known = names.get(which) ?? parent.name
      names.set(which, known)
      if (!equalBytes(known, parent.name)) throw anotherKey()
      return use(parent)
    }
    if (which === 'srk') return useSame(await provideStorageRootKey(connection))
    return withPrimary(connection, 'legacy', await preferredAlgorithm(connection), useSame)
  }

  return {
    readPcrs: (bank, mask, which = 'legacy') =>
      queued(() =>
        withKey(which, (parent) =>
          withSession(connection, 'hmac', parent, (session) =>
            readPcrs(connection, session, bank, mask),
          ),
        ),
      ),
    storageKey: (which) =>
      queued(() =>
        withKey(which, async (parent) => {
          await confirmStorageKey(connection, parent)
          return parent.key
        }),
      ),
    seal: ({ parent: which, secret, policy }) =>
      queued(() =>
        withKey(which, async (parent) => ({
          ...(await sealUnder(connection, parent, secret, policy)),
          parent: parent.key,
        })),
      ),
    unseal: (input) => queued(() => unseal(connection, input)),
    close: () => queued(() => connection.close()),
  }
}

/** Values of PCRs and a secret must not go to two different keys in the name of one. */
function anotherKey(): TpmError {
  return new TpmError('OTHER_TPM', 'the TPM shows another storage key than a moment ago', {
    hint: 'it was cleared meanwhile, or somebody is between us and the TPM',
  })
}
