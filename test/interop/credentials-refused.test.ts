/** Credentials that a TPM does not open, each refused by systemd-creds too: errors of its TPM code. */

import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { fromHex } from '../../src/bytes/hex.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { formatCredential, parseCredentialText } from '../../src/formats/credential/text.ts'
import { parseStorageKey, policyDigest, sealOffline } from '../../src/formats/tpm2/index.ts'
import { openTpm } from '../../src/keys/tpm/index.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { type SoftwareTpm, startTpm } from '../support/swtpm.ts'
import { systemdCreds } from '../support/systemd-creds.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { writeCredential } from '../support/tpm-credentials.ts'
import { lockOut } from '../support/tpm-lockout.ts'

const SECRET = 'correct horse battery staple'
const ready = available('root', 'swtpm', 'tree:trixie', 'tree:sid')

describe.runIf(ready).each(GENERATIONS)('%s', (_, tree) => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  let tpm: SoftwareTpm

  const tool = (command: string, ...args: string[]) =>
    outputInTree(tree, folder, command, args, { env: { TPM2TOOLS_TCTI: tpm.device } })
  const seal = (name: string, ...options: string[]) =>
    extsign(['cred', 'encrypt', '--quiet', ...options, at('plain'), at(name)])
  const ours = (name: string, ...options: string[]) =>
    runExtsign(['cred', 'decrypt', '--tpm2-device', tpm.device, ...options, at(name)])
  const theirs = (name: string, ...options: string[]) => {
    const args = ['decrypt', `--tpm2-device=${tpm.device}`, ...options, at(name), '-']
    return systemdCreds(tree, folder, args)
  }

  /** Both refuse; what we say names the file. */
  function expectRefused(name: string, message: string, options: readonly string[] = []): void {
    const refused = ours(name, ...options)
    expect([refused.status, refused.stdout]).toEqual([3, ''])
    expect(refused.stderr).toContain(`extsign: error: ${at(name)}: ${message}`)
    expect(theirs(name, ...options)).toMatchObject({ status: 1, stdout: '' })
  }

  beforeAll(async () => {
    tpm = await startTpm(at('tpm-state'))
    const opened = await openTpm(tpm.device)
    writeFileSync(at('legacy.pub'), (await opened.storageKey('legacy')).tpm2bPublic)
    writeFileSync(at('srk.pub'), (await opened.storageKey('srk')).tpm2bPublic)
    await opened.close()
    writeFileSync(at('plain'), SECRET)
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    writeFileSync(at('policy.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  })
  afterAll(() => tpm?.stop())

  const legacyKey = () => parseStorageKey(readFileSync(at('legacy.pub')))

  /** A credential with one change in its header, behind which everything else is as it was. */
  function change(name: string, changed: string, offset: number): void {
    const { bytes } = parseCredentialText(readFileSync(at(name)))
    bytes[offset]! ^= 1
    writeFileSync(at(changed), formatCredential(bytes))
  }

  test('UnexpectedPCRState: a header that does not tell the policy of the object', () => {
    seal('free', '--tpm2-device-key', at('legacy.pub'))
    // The policy hash ends where the header does: 48 bytes in front, 20 of it, the blob.
    change('free', 'other-policy', 48 + 20 + 260)
    expectRefused('other-policy', 'the sealed object has another policy than its header says')
  })

  test('UnexpectedPCRState: PCRs with other values than were expected', () => {
    seal('pcr', '--tpm2-device-key', at('legacy.pub'), `--tpm2-pcrs=16:sha256=${'11'.repeat(32)}`)
    expectRefused('pcr', 'PCR 16 (sha256) is not what this was sealed for')
  })

  test('NVIndexUnusable: the policy of systemd-pcrlock, whose NV index may be gone', () => {
    const attributes = 'ownerread|ownerwrite|authread|authwrite'
    tool('tpm2_nvdefine', '0x1500016', '-C', 'o', '-s', '34', '-a', attributes)
    const name = /name: ([0-9a-f]+)/.exec(tool('tpm2_nvreadpublic', '0x1500016'))![1]!
    // PolicyAuthorizeNV, which systemd-pcrlock makes.
    const policy = sha256(concat(new Uint8Array(32), fromHex('00000192')!, fromHex(name)!))
    const key = randomBytes(32)
    const parent = legacyKey()
    const sealed = sealOffline({ parent, secret: key, policy, random: randomBytes })
    writeFileSync(at('pcrlock'), writeCredential({ sealed, parent, key }, 'pcrlock', SECRET))
    const message = 'sealed with a policy of which nothing is known here'
    expectRefused('pcrlock', message)
    expect(ours('pcrlock').stderr).toContain('hint: a PIN, or a policy of systemd-pcrlock')
    tool('tpm2_nvundefine', '0x1500016', '-C', 'o')
    expectRefused('pcrlock', message)
    expect(JSON.parse(extsign(['cred', 'inspect', '--json', at('pcrlock')])).tpm2.policy).toBe(
      Buffer.from(policy).toString('hex'),
    )
  })

  test('UnexpectedPCRState: a PIN, which credentials do not have', () => {
    const key = randomBytes(32)
    const parent = legacyKey()
    const policy = policyDigest({ pin: true })
    const sealed = sealOffline({ parent, secret: key, policy, random: randomBytes })
    writeFileSync(at('pin'), writeCredential({ sealed, parent, key }, 'pin', SECRET))
    expectRefused('pin', 'sealed with a policy of which nothing is known here')
  })

  describe('a signed policy', () => {
    beforeAll(() => {
      const key = ['--tpm2-public-key', at('policy.pem')]
      seal('signed', ...key, '--tpm2-device-key', at('legacy.pub'))
    })

    test('CantFindPCRSignature: without a file of signatures', () => {
      const refused = ours('signed')
      expect([refused.status, refused.stdout]).toEqual([2, ''])
      expect(refused.stderr).toContain('--tpm2-signature is missing: the credential needs a signed')
      expect(theirs('signed').status).toBe(1)
    })

    test('CantFindPCRSignature: where the file is not', () => {
      const refused = ours('signed', `--tpm2-signature=${at('none.json')}`)
      expect([refused.status, refused.stdout]).toEqual([1, ''])
      expect(refused.stderr).toContain(`cannot read ${at('none.json')}: no such file`)
      expect(theirs('signed', `--tpm2-signature=${at('none.json')}`).status).toBe(1)
    })

    test.each([
      ['no bank', '{}', 'no signature for bank sha256'],
      ['another bank', '{"sha1":[]}', 'no signature for bank sha256'],
      ['no entry', '{"sha256":[]}', 'no signature for bank sha256'],
      ['another key', signaturesOf('11'.repeat(32)), 'no signature by the key this was sealed for'],
    ])('generic, ENOSTR: with %s in it', (name, json, message) => {
      const file = at(`${name}.json`)
      writeFileSync(file, json)
      expectRefused('signed', message, [`--tpm2-signature=${file}`])
    })

    test('a file of signatures that is none', () => {
      writeFileSync(at('bad.json'), '{"sha256":7}')
      const refused = ours('signed', `--tpm2-signature=${at('bad.json')}`)
      expect([refused.status, refused.stdout]).toEqual([1, ''])
      expect(refused.stderr).toContain(`${at('bad.json')}: `)
    })
  })

  test('TPMInDictionaryLockout: said, and what asks for no password opens all the same', () => {
    seal('by-tpm', '--tpm2-device', tpm.device)
    seal('pinned', '--tpm2-device-key', at('srk.pub'))
    lockOut(folder, tool)
    for (const name of ['free', 'by-tpm']) {
      const refused = ours(name)
      expect([refused.status, refused.stdout]).toEqual([1, ''])
      expect(refused.stderr).toContain('the TPM is in dictionary attack lockout')
      expect(refused.stderr).toContain('hint: wait until it recovers, or clear it')
      expect(theirs(name)).toMatchObject({ status: 1, stdout: '' })
    }
    expect(ours('pinned')).toMatchObject({ status: 0, stdout: SECRET })
    if (tree === 'sid') expect(theirs('pinned').stdout).toBe(SECRET)
    tool('tpm2_dictionarylockout', '--clear-lockout')
    for (const open of [ours, theirs]) expect(open('free').stdout).toBe(SECRET)
  })
})

/** Signatures by a key with this fingerprint. */
function signaturesOf(fingerprint: string): string {
  return JSON.stringify({
    sha256: [{ pcrs: [11], pkfp: fingerprint, pol: '22'.repeat(32), sig: 'AAAA' }],
  })
}
