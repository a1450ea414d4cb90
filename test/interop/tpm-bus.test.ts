/** The bus to a TPM: no secret crosses it in clear, and whoever changes bytes on it gains nothing. */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { ExtsignError } from '../../src/errors.ts'
import { CreatePrimary, GetHandles } from '../../src/formats/tpm2/commands.ts'
import { Handle } from '../../src/formats/tpm2/constants.ts'
import {
  decodeSealedBlob,
  policyDigest,
  sealOffline,
  serializeParent,
} from '../../src/formats/tpm2/index.ts'
import { storageKeyTemplate } from '../../src/formats/tpm2/storage-key.ts'
import { entityOf, TpmConnection } from '../../src/keys/tpm/connection.ts'
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
const READ_PUBLIC = 0x0173
const PCR_READ = 0x017e
const POLICY_GET_DIGEST = 0x0189
const NOT_FROM_TPM = {
  code: 'BAD_RESPONSE',
  message: 'the response is not from the TPM the session is with',
}

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

  /** A connection that looks at nothing and cleans up nothing. */
  async function withConnection<Result>(use: (connection: TpmConnection) => Promise<Result>) {
    const transport = await openTransport(swtpm.device)
    const connection = new TpmConnection(transport, randomBytes)
    return use(connection).finally(() => transport.close())
  }

  const listLoaded = () =>
    withConnection(async (connection) => {
      const handles: number[] = []
      for (const first of [Handle.firstSession, Handle.firstTransient]) {
        const { response } = await connection.run(GetHandles, { parameters: { first } })
        handles.push(...response.handles)
      }
      return handles
    })

  /** A key as somebody has left it. */
  const leaveKey = () =>
    withConnection(async (connection) => {
      const none = new Uint8Array()
      const { handle } = await connection.runWithPassword(CreatePrimary, {
        handles: [entityOf(Handle.owner)],
        parameters: {
          sensitive: { authValue: none, data: none },
          publicArea: storageKeyTemplate('legacy', 'ecc'),
          outsideInfo: none,
          creationPcrs: [],
        },
      })
      return handle
    })

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

  test('that is tampered with gives an error and never another secret, and leaves nothing', async () => {
    const secret = randomBytes(32)
    const [which, parent] = parents[0]!
    const good = await openTpm(swtpm.device)
    const pcrs = await good.readPcrs('sha256', 1 << 16)
    const policy = policyDigest({ literal: { bank: 'sha256', values: pcrs } })
    const sealed = await good.seal({ parent: which, secret, policy })
    await good.close()
    // What somebody else has in the TPM stays there.
    const theirs = await leaveKey()
    const input = { ...sealed, ...OPEN, pcrMask: 1 << 16, parent }
    let refused = 0
    for (let round = 0; round < 240; round++) {
      const [message, at, bit] = [round % 24, randomBytes(2), 1 << (round % 8)]
      // Every other time where a handle is, in the answers that have one.
      const position = round % 2 === 0 ? at[0]! * 256 + at[1]! : 6 + (at[0]! % 8)
      const transport = await openTransport(swtpm.device)
      const tpm = tpmBehind(tampering(transport, message, position, bit), randomBytes)
      try {
        if (round % 3 === 0) expect(await tpm.readPcrs('sha256', 1 << 16)).toEqual(pcrs)
        else if (round % 3 === 1) expect(await tpm.unseal(input)).toEqual(secret)
        else expect(await tpm.storageKey('legacy')).toMatchObject({ template: 'legacy' })
      } catch (error) {
        expect(error).toBeInstanceOf(ExtsignError)
        refused++
      }
      await tpm.close()
      expect(await listLoaded()).toEqual([theirs])
    }
    expect(refused).toBeGreaterThan(50)
    await withConnection((connection) => connection.holding(theirs, async () => undefined))
    expect(await listLoaded()).toEqual([])
  })

  test.each([
    ['values of PCRs', PCR_READ, 24],
    ['the bytes of a policy digest', POLICY_GET_DIGEST, 20],
  ])('on which %s are changed is noticed', async (_, code, at) => {
    const good = await openTpm(swtpm.device)
    const values = await good.readPcrs('sha256', 1 << 16)
    const policy = policyDigest({ literal: { bank: 'sha256', values } })
    const sealed = await good.seal({ parent: 'srk', secret: randomBytes(32), policy })
    await good.close()
    const change = (response: Uint8Array) => {
      response[at] = response[at]! ^ 1
      return response
    }
    const tpm = tpmBehind(answering(await openTransport(swtpm.device), code, change), randomBytes)
    const unsealed = tpm.unseal({ ...sealed, ...OPEN, pcrMask: 1 << 16, parent: parents[0]![1] })
    await expect(unsealed).rejects.toMatchObject(NOT_FROM_TPM)
    if (code === PCR_READ) {
      for (const which of ['srk', 'legacy'] as const) {
        await expect(tpm.readPcrs('sha256', 1 << 16, which)).rejects.toMatchObject(NOT_FROM_TPM)
      }
    }
    await tpm.close()
  })

  test('on which another TPM answers for a moment gives neither its key nor a secret to it', async () => {
    const other = await startTpm(join(folder, 'other'))
    const theirs = await openTpm(other.device)
    await theirs.storageKey('srk')
    await theirs.close()
    const secret = randomBytes(32)
    // Its key with the sessions of the right one.
    const wire = await openTransport(swtpm.device)
    const foreign = await openTransport(other.device)
    let isOther = (code: number): boolean => code === READ_PUBLIC
    const switched: TpmTransport = {
      ...passing(wire),
      transceive: (command) => (isOther(codeOf(command)) ? foreign : wire).transceive(command),
    }
    const tpm = tpmBehind(switched, randomBytes)
    await expect(tpm.storageKey('srk')).rejects.toBeInstanceOf(ExtsignError)
    await expect(tpm.readPcrs('sha256', 1, 'srk')).rejects.toBeInstanceOf(ExtsignError)
    await expect(tpm.seal({ parent: 'srk', secret, policy: undefined })).rejects.toBeInstanceOf(
      ExtsignError,
    )
    await tpm.close()
    // Values of PCRs by one of them, and then the secret to the other.
    const second = await openTransport(swtpm.device)
    const torn = tpmBehind({
      ...passing(second),
      transceive: (command) => (isOther(codeOf(command)) ? foreign : second).transceive(command),
    })
    isOther = () => true
    await torn.readPcrs('sha256', 1, 'srk')
    isOther = () => false
    await expect(torn.seal({ parent: 'srk', secret, policy: undefined })).rejects.toMatchObject({
      code: 'OTHER_TPM',
      message: 'the TPM shows another storage key than a moment ago',
    })
    await torn.close()
    await foreign.close()
    await other.stop()
    expect(await listLoaded()).toEqual([])
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

/** Changes the responses to one command. */
function answering(
  transport: TpmTransport,
  code: number,
  change: (response: Uint8Array) => Uint8Array,
): TpmTransport {
  return {
    ...passing(transport),
    async transceive(command) {
      const response = await transport.transceive(command)
      return codeOf(command) === code ? change(response.slice()) : response
    },
  }
}

function codeOf(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6)
}

function passing(transport: TpmTransport) {
  return { label: transport.label, close: () => transport.close() }
}
