/** Bytes that were signed as a PCR policy once, and what openssl, sbverify and systemd take them for. */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import { beforeAll, describe, expect, test } from 'vitest'
import { toBase64 } from '../../src/bytes/base64.ts'
import { concat } from '../../src/bytes/concat.ts'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { variablePayload } from '../../src/formats/efi-variable/encode.ts'
import { policyPayload } from '../../src/formats/pcr-signature-document.ts'
import { authenticodeDigest } from '../../src/formats/pe/authenticode.ts'
import { openPe } from '../../src/formats/pe/decode.ts'
import { encodeSignedAttributes, indirectData } from '../../src/formats/pkcs7/authenticode.ts'
import { encodeSignedData } from '../../src/formats/pkcs7/encode.ts'
import { PURPOSES } from '../../src/formats/signing-purpose/parts.ts'
import { extendPolicyPcr } from '../../src/formats/tpm2/policy.ts'
import { encodeVeritySignature } from '../../src/formats/verity-signature.ts'
import { examineRequest } from '../../src/keys/purpose.ts'
import { editDer } from '../formats/edit-der.ts'
import { buildImage, signingWith } from '../images/fixtures.ts'
import { makeTestKey, signRaw } from '../keys/test-keys.ts'
import { extsign } from '../support/extsign.ts'
import { makeUki } from '../support/pe.ts'
import { GENERATIONS, runInTree } from '../support/reference-trees.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const folder = temporaryFolder()
const path = (name: string) => join(folder, name)
const write = (name: string, content: Uint8Array | string) => {
  writeFileSync(path(name), content)
  return path(name)
}
const key = makeTestKey('rsa2048')
const certificate = write('key.crt', key.certificatePem)
write('key.key', key.keyPem)
const ROOT_HASH = '0123456789abcdef'.repeat(4)
const rootHash = write('root-hash', ROOT_HASH)

/** 64 bytes: two attributes, of which one is of no use, and the digest of the content. */
const attributesOf = (content: Uint8Array) =>
  concat(
    fromHex('313e300b06032a0304310404020000302f06092a864886f70d01090431220420')!,
    sha256(content),
  )

/** What an attacker makes of a signature over attributes. */
function messageOf(attributes: Uint8Array, contentInfo?: Uint8Array): Uint8Array {
  const parse = (der: Uint8Array) => asn1js.fromBER(Uint8Array.from(der).buffer).result
  const signature = signRaw(key.key, attributes)
  const bare = encodeSignedData({ certificate: key.certificate, signature })
  const message = editDer(bare, [1, 0, 4, 0, 3], parse(attributes.with(0, 0xa0)), 'insert')
  return contentInfo ? editDer(message, [1, 0, 2], parse(contentInfo)) : message
}

/** That no door signs these bytes, whatever is said to go with them. */
function expectRefused(payload: Uint8Array, reference: string): void {
  const values = new Map([[11, new Uint8Array(32)]])
  const policy = { bank: 'sha256' as const, values, reference }
  const request = { payload, digest: 'sha256' as const, subject: 'x', policy }
  for (const purpose of PURPOSES) {
    expect(() => examineRequest({ ...request, purpose })).toThrow(/what is signed: for /)
  }
  const item = {
    ...{ purpose: 'pcr-policy', subject: 'x', path: 'x', digest: 'sha256', phase: '' },
    ...{ payload: toBase64(payload), hash: createHash('sha256').update(payload).digest('hex') },
    ...{ profiles: [0], bank: 'sha256', pcrs: [11], values: ['00'.repeat(32)], ref: reference },
    pol: toHex(payload.subarray(0, 32)),
  }
  const file = { format: 'extsign signing request', version: 1, items: [item] }
  const keys = ['--private-key', path('key.key'), '--certificate', certificate]
  const args = ['sign', write('request.json', JSON.stringify(file)), '-o', path('no'), ...keys]
  expect(() => extsign(args)).toThrow(/item 1 payload: what is signed: for pcr-policy/)
}

describe.runIf(available('openssl', 'sbverify'))('a policy that is chosen', () => {
  test('signs the root hash of another image', () => {
    const payload = attributesOf(encodeUtf8(ROOT_HASH))
    expect(payload).toHaveLength(64)
    const message = write('attack.p7s', messageOf(payload))
    const input = ['-verify', '-inform', 'der', '-in', message, '-content', rootHash, '-binary']
    const trusted = ['-certfile', certificate, '-nointern', '-noverify']
    expect(output(tool('openssl'), ['smime', ...input, ...trusted])).toBe(ROOT_HASH)
    expectRefused(payload, ROOT_HASH)
  })

  test('signs a boot program, and so do attributes that are not looked into', async () => {
    const program = makeUki([])
    const pe = await openPe(bytesSource(program))
    const content = indirectData(await authenticodeDigest(pe, 'sha256'))
    const policy = attributesOf(content.subarray(2))
    for (const attributes of [
      policy,
      encodeSignedAttributes({ messageDigest: sha256(content.subarray(2)) }),
    ]) {
      const contentInfo = concat(fromHex('3078060a2b060104018237020104a06a')!, content)
      const der = messageOf(attributes, contentInfo)
      const size = Math.ceil((8 + der.length) / 8) * 8
      const certificates = new Uint8Array(size)
      const view = new DataView(certificates.buffer)
      view.setUint32(0, size, true)
      view.setUint16(4, 0x0200, true)
      view.setUint16(6, 2, true)
      certificates.set(der, 8)
      const signed = write('attack.efi', makeUki([], { certificates }))
      expect(output(tool('sbverify'), ['--cert', certificate, signed])).toContain('OK')
    }
    expectRefused(policy, 'x')
  })

  test('takes the attributes of a boot program for those of a root hash', () => {
    const attributes = encodeSignedAttributes({ messageDigest: sha256(encodeUtf8(ROOT_HASH)) })
    const message = write('attack.p7s', messageOf(attributes))
    const input = ['-verify', '-inform', 'der', '-in', message, '-content', rootHash, '-binary']
    const trusted = ['-certfile', certificate, '-nointern', '-noverify']
    // OpenSSL does not look at the content type among the attributes.
    expect(output(tool('openssl'), ['smime', ...input, ...trusted])).toBe(ROOT_HASH)
    for (const content of [undefined, encodeUtf8(ROOT_HASH), indirectData(new Uint8Array(32))]) {
      const request = { purpose: 'authenticode', payload: attributes, content } as const
      expect(() => examineRequest({ ...request, digest: 'sha256', subject: 'x' })).toThrow()
    }
  })
})

const ready = available('root', 'tree:trixie', 'tree:sid')

describe.runIf(ready).each(GENERATIONS)('%s, which has to see a signature', (_, tree) => {
  let good: Buffer
  let digits: string

  beforeAll(async () => {
    await buildImage(
      folder,
      `${tree}.raw`,
      { 'usr/bin/hello': 'hello' },
      { signing: signingWith(key) },
    )
    good = readFileSync(path(`${tree}.raw`))
    digits = JSON.parse(signatureJson(good)).rootHash
  })

  /** What systemd says of the message in the image; it does so before it needs the device mapper. */
  function verdictOn(message: Uint8Array): string {
    const json = encodeVeritySignature({
      rootHash: fromHex(digits)!,
      certificateFingerprint: sha256(key.certificate),
      signature: message,
    })
    const image = Buffer.from(good)
    const old = signatureJson(good)
    image.fill(0, good.indexOf(old), good.indexOf(old) + old.length)
    image.set(json, good.indexOf(old))
    write('attack.raw', image)
    const script = [
      `mkdir -p /run/verity.d /run/image; cp ${certificate} /run/verity.d/`,
      `systemd-dissect --mount --image-policy=root=signed ${path('attack.raw')} /run/image`,
    ].join('; ')
    const environment = { env: { ...process.env, SYSTEMD_LOG_LEVEL: 'debug' } }
    const { stderr } = runInTree(tree, folder, '/bin/sh', ['-c', script], environment)
    return /Userspace PKCS#7 validation (?:succeeded|failed)/.exec(stderr)?.[0] ?? stderr
  }
  const raw = (payload: Uint8Array) =>
    encodeSignedData({ certificate: key.certificate, signature: signRaw(key.key, payload) })
  const TAKEN = 'Userspace PKCS#7 validation succeeded'
  const REFUSED = 'Userspace PKCS#7 validation failed'

  test('takes what such a policy and such attributes sign, and a root hash', () => {
    expect(verdictOn(raw(encodeUtf8(digits)))).toBe(TAKEN)
    const content = encodeUtf8(digits)
    expect(verdictOn(messageOf(attributesOf(content)))).toBe(TAKEN)
    const attributes = encodeSignedAttributes({ messageDigest: sha256(content) })
    expect(verdictOn(messageOf(attributes))).toBe(TAKEN)
  })

  test('takes nothing that the other purposes sign', () => {
    const policy = extendPolicyPcr(new Uint8Array(32), {
      bank: 'sha256',
      values: new Map([[11, new Uint8Array(32)]]),
    })
    const content = indirectData(sha256(encodeUtf8(digits)))
    const attributes = encodeSignedAttributes({ messageDigest: sha256(content.subarray(2)) })
    const time = new Date('2026-01-01T00:00:00Z')
    for (const payload of [
      policy,
      policyPayload({ policy, reference: digits.slice(1) }),
      variablePayload({ variable: 'db', data: new Uint8Array(), time }),
    ]) {
      expect(verdictOn(raw(payload))).toBe(REFUSED)
    }
    expect(verdictOn(raw(attributes))).toBe(REFUSED)
    expect(verdictOn(messageOf(attributes))).toBe(REFUSED)
  })
})

function signatureJson(image: Buffer): string {
  const start = image.indexOf('{"rootHash"')
  return image.subarray(start, image.indexOf(0, start)).toString('latin1')
}
