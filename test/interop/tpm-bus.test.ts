/** The bus to a TPM: no secret crosses it in clear, and whoever changes bytes on it gains nothing. */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { ExtsignError } from '../../src/errors.ts'
import {
  decodeSealedBlob,
  policyDigest,
  sealOffline,
  serializeParent,
} from '../../src/formats/tpm2/index.ts'
import { openTransport } from '../../src/keys/tpm/device.ts'
import {
  openTpm,
  type ParentChoice,
  type TpmTransport,
  tpmBehind,
} from '../../src/keys/tpm/index.ts'
import { type SoftwareTpm, startTpm, startTpmOnTcp } from '../support/swtpm.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const OPEN = { pcrMask: 0, bank: 'sha256' } as const
const CREATE = 0x0153
const START_SESSION = 0x0176
const UNSEAL = 0x015e

describe.runIf(available('swtpm'))('the bus', () => {
  const folder = temporaryFolder()
  let swtpm: SoftwareTpm
  let parents: readonly (readonly ['srk' | 'legacy', ParentChoice])[]

  beforeAll(async () => {
    swtpm = await startTpm(join(folder, 'a'))
    const tpm = await openTpm(swtpm.device)
    const serialized = serializeParent(await tpm.storageKey('srk'))
    await tpm.close()
    parents = [
      ['srk', { kind: 'pinned', serialized }],
      ['legacy', { kind: 'legacy', algorithm: 'ecc' }],
    ]
  })
  afterAll(() => swtpm?.stop())

  test('carries neither secrets nor what they could be computed from', async () => {
    const log: Uint8Array[] = []
    const draws: Uint8Array[] = []
    const random = (size: number) => {
      const bytes = randomBytes(size)
      draws.push(bytes.slice())
      return bytes
    }
    const tpm = tpmBehind(recording(await openTransport(swtpm.device), log), random)
    const secrets: Uint8Array[] = []
    for (const [which, parent] of parents) {
      const secret = randomBytes(32)
      secrets.push(secret.slice())
      const online = await tpm.seal({ parent: which, secret, policy: undefined })
      expect(await tpm.unseal({ ...online, ...OPEN, parent })).toEqual(secret)
      const key = await tpm.storageKey(which)
      const offline = sealOffline({ parent: key, secret, policy: undefined, random })
      expect(await tpm.unseal({ ...offline, ...OPEN, parent })).toEqual(secret)
      expect(decodeSealedBlob(online.blob).seed).toBeUndefined()
    }
    await tpm.close()

    const codes = log.map((message) => new DataView(message.buffer).getUint32(6))
    for (const code of [CREATE, START_SESSION, UNSEAL]) expect(codes).toContain(code)
    const bus = log.map(toHex).join('')
    // Nonces are public; scalars of ephemeral keys are drawn in the same size and are not.
    const nonces = draws.filter((bytes) => bus.includes(toHex(bytes)))
    const sessions = codes.filter((code) => code === START_SESSION).length
    expect(draws.length - nonces.length).toBe(sessions + parents.length)
    for (const secret of secrets) {
      for (let offset = 0; offset + 8 <= secret.length; offset++) {
        expect(bus).not.toContain(toHex(secret.slice(offset, offset + 8)))
      }
    }
  })

  test('that is tampered with gives an error and never another secret', async () => {
    const secret = randomBytes(32)
    const [which, parent] = parents[0]!
    const good = await openTpm(swtpm.device)
    const sealed = await good.seal({ parent: which, secret, policy: undefined })
    await good.close()
    let refused = 0
    for (let round = 0; round < 150; round++) {
      const [message, at, bit] = [round % 12, randomBytes(2), 1 << (round % 8)]
      const position = at[0]! * 256 + at[1]!
      const transport = await openTransport(swtpm.device)
      const tpm = tpmBehind(tampering(transport, message, position, bit), randomBytes)
      try {
        expect(await tpm.unseal({ ...sealed, ...OPEN, parent })).toEqual(secret)
      } catch (error) {
        expect(error).toBeInstanceOf(ExtsignError)
        refused++
      }
      await tpm.close()
      // What was left behind because a handle was falsified must not fill the TPM.
      if (round % 10 === 9) swtpm = await restarted(swtpm, join(folder, 'a'))
    }
    expect(refused).toBeGreaterThan(50)
  })

  test('on which a PCR is extended in the very last moment is used a second time', async () => {
    const transport = await openTransport(swtpm.device)
    const codes: number[] = []
    const tpm = tpmBehind(extendingPcr(transport, codes), randomBytes)
    const values = await tpm.readPcrs('sha256', 1 << 23)
    const [policy, secret] = [
      policyDigest({ literal: { bank: 'sha256', values } }),
      randomBytes(32),
    ]
    const sealed = await tpm.seal({ parent: 'legacy', secret, policy })
    const parent = { kind: 'legacy', algorithm: 'ecc' } as const
    const input = { ...sealed, ...OPEN, pcrMask: 1 << 23, parent }
    expect(await tpm.unseal(input)).toEqual(secret)
    expect(codes.filter((code) => code === UNSEAL)).toHaveLength(2)
    await tpm.close()
  })

  test('is shared by operations that are begun together', async () => {
    const tpm = await openTpm(swtpm.device)
    const secrets = Array.from({ length: 12 }, () => randomBytes(32))
    const opened = await Promise.all(
      secrets.map(async (secret, index) => {
        const [which, parent] = parents[index % 2]!
        const sealed = await tpm.seal({ parent: which, secret, policy: undefined })
        return tpm.unseal({ ...sealed, ...OPEN, parent })
      }),
    )
    expect(opened).toEqual(secrets)
    await tpm.close()
  })

  test('works over TCP, with a TPM nobody has started up', async () => {
    const remote = await startTpmOnTcp(join(folder, 'tcp'), 'not-need-init')
    const tpm = await openTpm(remote.device)
    const secret = randomBytes(128)
    const sealed = await tpm.seal({ parent: 'legacy', secret, policy: undefined })
    const parent = { kind: 'legacy', algorithm: 'ecc' } as const
    expect(await tpm.unseal({ ...sealed, ...OPEN, parent })).toEqual(secret)
    await remote.stop()
    await expect(tpm.readPcrs('sha256', 1)).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringMatching(/closed the connection|broke off: E/),
    })
    await tpm.close()
    await expect(openTpm(remote.device)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

async function restarted(tpm: SoftwareTpm, folder: string): Promise<SoftwareTpm> {
  await tpm.stop()
  return startTpm(folder)
}

function recording(transport: TpmTransport, log: Uint8Array[]): TpmTransport {
  return {
    ...passing(transport),
    async transceive(command) {
      log.push(command.slice())
      const response = await transport.transceive(command)
      log.push(response.slice())
      return response
    },
  }
}

/** Flips a bit in the n-th response. */
function tampering(
  transport: TpmTransport,
  message: number,
  at: number,
  bit: number,
): TpmTransport {
  let count = 0
  return {
    ...passing(transport),
    async transceive(command) {
      const response = (await transport.transceive(command)).slice()
      if (count++ === message) {
        const position = at % response.length
        response[position] = response[position]! ^ bit
      }
      return response
    },
  }
}

/** Extends PCR 0 before the first attempt to unseal. */
function extendingPcr(transport: TpmTransport, codes: number[]): TpmTransport {
  const extend = '8002 00000041 00000182 00000000 00000009 40000009 0000 01 0000 00000001 000b'
  const bytes = fromHex(extend.replaceAll(' ', '') + 'ab'.repeat(32))!
  return {
    ...passing(transport),
    async transceive(command) {
      const code = new DataView(command.buffer, command.byteOffset).getUint32(6)
      if (code === UNSEAL && !codes.includes(UNSEAL)) await transport.transceive(bytes)
      codes.push(code)
      return transport.transceive(command)
    },
  }
}

function passing(transport: TpmTransport) {
  return { label: transport.label, close: () => transport.close() }
}
