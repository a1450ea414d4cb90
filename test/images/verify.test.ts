import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { viewOf } from '../../src/bytes/struct.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { FileError, FormatError } from '../../src/errors.ts'
import { SUPERBLOCK_OFFSET, Superblock } from '../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../src/formats/erofs/read/decode-superblock.ts'
import { decodeVeritySignature, encodeVeritySignature } from '../../src/formats/verity-signature.ts'
import type { BuildResult } from '../../src/images/options.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { readTrustDirectories } from '../../src/keys/trust.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { noise, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, failedChecks, mutate, signingWith } from './fixtures.ts'

/** Stands for the root hash of the image. */
const HASH = 'its'
const folder = temporaryFolder()
const rsa = makeTestKey('rsa2048')
const other = makeTestKey('p256', { commonName: 'somebody else' })
const trusted = { certificates: [certificateOf(rsa)] }
const FILES = { 'usr/bin/hello': 'hello', 'usr/share/noise': noise(600_000) }

let image: BuildResult
let path: string

beforeAll(async () => {
  image = await buildImage(folder, 'hello.raw', FILES, { signing: signingWith(rsa) })
  path = image.output
})

describe('a sound image', () => {
  test('passes every check and names who signed it', async () => {
    const result = await verifyImage(path, trusted)
    expect(failedChecks(result.findings)).toEqual([])
    expect(result).toMatchObject({ verdict: 'ok', rootHash: image.rootHash, path })
    expect(result.findings.map(({ check }) => check)).toEqual([
      'partition table',
      'partitions',
      'content type',
      'unused space',
      'verity superblock',
      'data',
      'hash tree',
      'root hash',
      'signature partition',
      'signature shape',
      'signature',
      'certificate fingerprint',
      'file system',
      'extension-release',
      'hierarchies',
    ])
    expect(result.findings).toContainEqual({
      check: 'signature',
      ok: true,
      note: 'by CN=TEST-DO-NOT-USE rsa2048 (release.crt)',
    })
  })

  const variants = [
    ['of a single block', 'one.raw', {}, {}],
    ['of two levels of hashes', 'two.raw', { 'usr/a': noise(700_000) }, {}],
    ['over 4 MiB', 'large.raw', { 'usr/a': noise(5_000_000) }, {}],
    ['with sectors of 4096 bytes', 'sectors.raw', FILES, { sectorSize: 4096 }],
    ['with compressed files', 'small.raw', FILES, { compression: { algorithm: 'lz4' } }],
    ['for another architecture', 'arm.raw', FILES, { architecture: 'arm64' }],
    ['for configuration', 'site.confext.raw', { 'etc/site.conf': 'x' }, { kind: 'confext' }],
    ['named after its class', 'tool.sysext.raw', FILES, {}],
    ['with a version in its name', 'tool_1.2_x86-64.raw', FILES, { name: 'tool' }],
  ] as const
  test.each(variants)('%s', async (_, file, files, options) => {
    const built = await buildImage(folder, file, files, { signing: signingWith(rsa), ...options })
    const result = await verifyImage(built.output, { ...trusted, threads: 0 })
    expect(failedChecks(result.findings)).toEqual([])
    expect(result).toMatchObject({ verdict: 'ok', rootHash: built.rootHash })
  })

  test.each(['p256', 'p384'] as const)('signed with a key of %s', async (algorithm) => {
    const key = makeTestKey(algorithm)
    const built = await buildImage(folder, `${algorithm}.raw`, {}, { signing: signingWith(key) })
    const result = await verifyImage(built.output, { certificates: [certificateOf(key)] })
    expect(result.verdict).toBe('ok')
  })

  test('whose certificate is not in the signature', async () => {
    const signing = signingWith(rsa, false)
    const built = await buildImage(folder, 'bare-signature.raw', FILES, { signing })
    const result = await verifyImage(built.output, trusted)
    expect(result.verdict).toBe('ok')
  })

  test('reports its progress up to the end', async () => {
    const steps: number[] = []
    await verifyImage(path, {
      threads: 0,
      onProgress: ({ step, done, total }) => {
        expect(step).toBe('hash')
        steps.push(done / total)
      },
    })
    expect(steps.at(-1)).toBe(1)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
  })
})

describe('who signed', () => {
  test('is not settled without a certificate', async () => {
    const { verdict, findings } = await verifyImage(path)
    expect(verdict).toBe('unproven')
    expect(failedChecks(findings)).toEqual(['signature'])
    expect(findings).toContainEqual({
      check: 'signature',
      ok: false,
      unproven: true,
      expected: 'a certificate to check the signature with',
      found: expect.stringMatching(/^not checked: no certificate given; .*serial 7b7b/),
    })
  })

  test('is wrong with the certificate of somebody else', async () => {
    const { verdict, findings } = await verifyImage(path, { certificates: [certificateOf(other)] })
    expect(verdict).toBe('wrong')
    expect(findings).toContainEqual({
      check: 'signature',
      ok: false,
      expected: 'a signature by CN=somebody else (release.crt)',
      found: expect.stringMatching(/^one by issuer CN=TEST-DO-NOT-USE rsa2048/),
    })
  })

  test('is settled by any one of several certificates', async () => {
    const certificates = [certificateOf(other, 'a.crt'), certificateOf(rsa, 'b.crt')]
    const { findings } = await verifyImage(path, { certificates })
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'signature',
        ok: true,
        note: expect.stringMatching('b.crt'),
      }),
    )
  })

  test('is wrong when a certificate has the same name and serial number but another key', async () => {
    const forged = makeTestKey('rsa2048')
    const { verdict, findings } = await verifyImage(path, { certificates: [certificateOf(forged)] })
    expect(verdict).toBe('wrong')
    expect(failedChecks(findings)).toEqual(['signature', 'certificate fingerprint'])
  })

  test('matters only where there is a signature', async () => {
    const built = await buildImage(folder, 'unsigned.raw', FILES)
    const without = await verifyImage(built.output)
    expect(without.verdict).toBe('unproven')
    expect(failedChecks(without.findings)).toEqual(['signature'])
    const asked = await verifyImage(built.output, trusted)
    expect(asked.verdict).toBe('wrong')
    expect(asked.findings).toContainEqual({
      check: 'signature',
      ok: false,
      expected: 'a signature',
      found: 'none: the image is not signed',
    })
  })

  test('a signature of another root hash is wrong, with and without certificate', async () => {
    const rootHash = sha256(new Uint8Array(1))
    const file = mutate(path, join(folder, 'transplant.raw'), (bytes) => {
      const { offset, size } = image.partitions[2]!
      const { extraFields: _, ...value } = decodeVeritySignature(
        bytes.subarray(offset, offset + size),
      )
      bytes.set(encodeVeritySignature({ ...value, rootHash }), offset)
    })
    for (const options of [{}, trusted]) {
      const { verdict, findings } = await verifyImage(file, options)
      expect(verdict).toBe('wrong')
      expect(failedChecks(findings)).toEqual(['root hash', 'signature', 'extension-release'])
    }
  })
})

describe('readers', () => {
  const readersOf = async (file: string, options = {}) =>
    (await verifyImage(file, options)).readers.map(({ reader, verdict }) => `${reader} ${verdict}`)

  test('without certificates it depends on those of the target', async () => {
    expect(await readersOf(path)).toEqual([
      'kernel depends',
      'userspace depends',
      'systemd accepts',
    ])
    expect(await readersOf(path, { imagePolicy: 'root=signed' })).toContain('systemd depends')
  })

  test('with the certificate of the signer both accept', async () => {
    expect(await readersOf(path, trusted)).toEqual([
      'kernel accepts',
      'userspace accepts',
      'systemd accepts',
    ])
  })

  test('with another certificate only a policy lets the image pass', async () => {
    const certificates = [certificateOf(other)]
    expect(await readersOf(path, { certificates })).toEqual([
      'kernel refuses',
      'userspace refuses',
      'systemd accepts',
    ])
    const strict = { certificates, imagePolicy: 'root=signed' }
    expect(await readersOf(path, strict)).toContain('systemd refuses')
  })

  test.each([
    ['its data', 0, 'gives EIO'],
    ['its hash tree', 1, 'EIO'],
    ['its verity superblock', 1, 'cannot be activated'],
  ] as const)(
    'however well signed, an image is of no use with damage in %s',
    async (what, index, reason) => {
      const damaged = mutate(path, join(folder, `damaged-${what.length}`, 'hello.raw'), (bytes) => {
        const { offset } = image.partitions[index]!
        const at = what.endsWith('superblock') ? 0 : what.endsWith('tree') ? 4096 : 2048
        bytes[offset + at]! ^= 1
      })
      const { readers } = await verifyImage(damaged, trusted)
      expect(readers[0]?.verdict).toBe('accepts')
      expect(readers[2]).toMatchObject({
        verdict: 'refuses',
        reason: expect.stringContaining(reason),
      })
    },
  )

  test('a file whose name does not end in .crt is no certificate in verity.d', async () => {
    const directory = join(folder, 'verity.d')
    writeFile(join(directory, 'release.pem'), rsa.certificatePem)
    const trust = await readTrustDirectories([directory])
    const { readers } = await verifyImage(path, { trust, certificates: [certificateOf(rsa)] })
    expect(readers[0]?.verdict).toBe('accepts')
    expect(readers[1]).toMatchObject({
      verdict: 'refuses',
      reason: expect.stringMatching(/release\.pem is ignored: its name does not end in \.crt/),
    })
  })

  test('the right one of two certificates in verity.d is found', async () => {
    const directory = join(folder, 'two.d')
    writeFile(join(directory, '10-other.crt'), other.certificatePem)
    writeFile(join(directory, '20-release.crt'), rsa.certificatePem)
    const trust = await readTrustDirectories([directory])
    const { verdict, readers } = await verifyImage(path, { trust })
    expect(verdict).toBe('ok')
    expect(readers[1]).toMatchObject({
      verdict: 'accepts',
      reason: expect.stringMatching('20-release.crt'),
    })
  })
})

describe('files beside an image', () => {
  /** The parts of the image as a bare file system with sidecars. */
  function split(name: string, parts: readonly ('roothash' | 'p7s' | 'verity')[]): string {
    const bytes = readFileSync(path)
    const [data, hash, signature] = image.partitions.map(({ offset, size }) =>
      bytes.subarray(offset, offset + size),
    )
    const stem = join(folder, name)
    writeFile(`${stem}.raw`, data!.subarray(0, image.filesystemSize))
    if (parts.includes('verity')) writeFile(`${stem}.verity`, hash!)
    if (parts.includes('roothash')) writeFile(`${stem}.roothash`, `${image.rootHash}\n`)
    if (parts.includes('p7s')) {
      writeFile(`${stem}.roothash.p7s`, decodeVeritySignature(signature!).signature)
    }
    return `${stem}.raw`
  }

  test('protect a bare file system', async () => {
    const file = split('hello_1', ['roothash', 'p7s', 'verity'])
    const { verdict, findings, rootHash } = await verifyImage(file, trusted)
    expect(failedChecks(findings)).toEqual([])
    expect(verdict).toBe('ok')
    expect(rootHash).toBe(image.rootHash)
  })

  test('may be missing, and then nothing protects it', async () => {
    const { verdict, findings } = await verifyImage(split('hello_2', []))
    expect(verdict).toBe('unproven')
    expect(failedChecks(findings)).toEqual(['verity superblock', 'signature'])
  })

  test('are worth little without a root hash', async () => {
    const { findings } = await verifyImage(split('hello_3', ['verity']))
    expect(failedChecks(findings)).toEqual(['root hash', 'signature'])
  })

  test('are found wrong when the file system changes', async () => {
    const file = split('hello_4', ['roothash', 'p7s', 'verity'])
    mutate(file, file, (bytes) => {
      bytes[300_000]! ^= 1
    })
    const { findings } = await verifyImage(file, trusted)
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'data', offset: Math.floor(300_000 / 4096) * 4096 }),
    )
  })

  test('must not bring a second hash tree', async () => {
    const file = join(folder, 'hello_5.raw')
    copyFileSync(path, file)
    writeFile(join(folder, 'hello_5.verity'), new Uint8Array(4096))
    const { findings, readers } = await verifyImage(file, trusted)
    expect(failedChecks(findings)).toEqual(['files beside the image'])
    expect(readers.at(-1)).toMatchObject({
      verdict: 'refuses',
      reason: expect.stringMatching(/^EBADR/),
    })
  })

  test('must name the root hash of the image', async () => {
    const file = join(folder, 'hello_6.raw')
    copyFileSync(path, file)
    writeFile(join(folder, 'hello_6.roothash'), 'ab'.repeat(32))
    const { findings } = await verifyImage(file, trusted)
    expect(findings).toContainEqual({
      check: 'root hash',
      ok: false,
      expected: `${'ab'.repeat(32)} (${join(folder, 'hello_6.roothash')})`,
      found: image.rootHash,
    })
  })

  const failedBeside = async (name: string, beside: Readonly<Record<string, string | null>>) => {
    const file = join(folder, name, 'hello.raw')
    writeFile(file, readFileSync(path))
    for (const [suffix, text] of Object.entries(beside)) {
      const neighbour = join(folder, name, `hello.${suffix}`)
      if (text === null) mkdirSync(neighbour)
      else writeFile(neighbour, text)
    }
    const { findings, readers } = await verifyImage(file, trusted)
    const systemd = readers.find(({ reader }) => reader === 'systemd')
    return [...failedChecks(findings), `${systemd?.verdict} ${systemd?.reason.split(':')[0]}`]
  }

  const beside = 'files beside the image'
  test.each<[string, Record<string, string | null>, string[]]>([
    ['no-digits', { roothash: 'hello' }, [beside, 'refuses EINVAL']],
    ['few-digits', { roothash: 'abcd' }, [beside, 'refuses EINVAL']],
    ['no-hash', { roothash: '' }, [beside, 'refuses EINVAL']],
    ['hash-folder', { roothash: null }, [beside, 'refuses EISDIR']],
    ['other-empty', { usrhash: '' }, [beside, 'refuses EINVAL']],
    ['no-signature', { roothash: HASH, 'roothash.p7s': '' }, [beside, 'refuses EINVAL']],
    ['signature-folder', { roothash: HASH, 'roothash.p7s': null }, [beside, 'refuses EISDIR']],
    ['only-signature', { 'roothash.p7s': '' }, ['accepts signed, checked by the kernel']],
    ['signature-alone-folder', { 'roothash.p7s': null }, ['accepts signed, checked by the kernel']],
    ['no-tree', { verity: '' }, [beside, 'refuses EBADR']],
    ['tree-folder', { verity: null }, [beside, 'refuses EBADR']],
  ])('need not hold what they should: %s', async (name, files, expected) => {
    const real = Object.entries(files).map(([suffix, text]) => [
      suffix,
      text === HASH ? image.rootHash : text,
    ])
    expect(await failedBeside(name, Object.fromEntries(real))).toEqual(expected)
  })
})

describe('the target', () => {
  const releaseOf = async (fields: string, osRelease: string, options = {}) => {
    const name = `target-${Math.abs(hash(fields))}`
    await buildImage(
      folder,
      `${name}.raw`,
      { [`usr/lib/extension-release.d/extension-release.${name}`]: fields },
      { release: {}, force: true },
    )
    const result = await verifyImage(join(folder, `${name}.raw`), {
      osRelease: { path: 'etc/os-release', text: osRelease },
      ...options,
    })
    return result.findings.find(({ check }) => check === 'merge')
  }

  test.each([
    ['ID=_any\n', 'ID=debian\n', {}, true, 'any-id'],
    ['ID=debian\nVERSION_ID=13\n', 'ID=debian\nVERSION_ID=13\n', {}, true, 'version-id'],
    ['ID=debian\nVERSION_ID=12\n', 'ID=debian\nVERSION_ID=13\n', {}, false, 'version-id'],
    ['ID=fedora\n', 'ID=debian\n', {}, false, 'id'],
    ['ID=_any\n', 'ID=debian\n', { scope: 'initrd' }, false, 'scope'],
    [
      'ID=_any\nARCHITECTURE=arm64\n',
      'ID=debian\n',
      { architecture: 'x86-64' },
      false,
      'architecture',
    ],
    [
      'ID=debian\nSYSEXT_LEVEL=2\n',
      'ID=debian\nVERSION_ID=13\nSYSEXT_LEVEL=1\n',
      {},
      false,
      'level',
    ],
  ])('%j on %j with %j', async (fields, osRelease, options, ok, rule) => {
    const finding = await releaseOf(fields, osRelease, options)
    expect(finding?.ok).toBe(ok)
    expect(JSON.stringify(finding)).toContain(`(rule ${rule})`)
  })

  test('a rejection names both values', async () => {
    const finding = await releaseOf('ID=debian\nVERSION_ID=12\n', 'ID=debian\nVERSION_ID=13\n')
    expect(finding).toMatchObject({
      expected: 'VERSION_ID 13',
      found: expect.stringMatching(/^VERSION_ID 12: /),
    })
  })

  test('must have an ID', async () => {
    const finding = await releaseOf('ID=_any\n', 'NAME=x\n')
    expect(finding).toMatchObject({ ok: false, found: expect.stringMatching('ID is missing') })
  })

  test.each([
    ['root=signed', 'ok'],
    ['root=verity', 'ok'],
    ['root=unprotected', 'ok'],
    ['root=verity+signed+absent', 'ok'],
    ['usr=signed', 'wrong'],
    ['~', 'wrong'],
    ['root=signed+read-only-off', 'wrong'],
  ])('with the policy %s the image is %s', async (imagePolicy, verdict) => {
    const result = await verifyImage(path, { ...trusted, imagePolicy })
    expect(result.verdict).toBe(verdict)
    expect(failedChecks(result.findings)).toEqual(verdict === 'ok' ? [] : ['image policy'])
  })

  test('with a policy of signed images an unsigned one is refused, one of others too', async () => {
    const options = { imagePolicy: 'root=signed+absent' }
    const built = await buildImage(folder, 'strict.raw', FILES)
    const unsigned = await verifyImage(built.output, options)
    expect(unsigned.findings).toContainEqual({
      check: 'image policy',
      ok: false,
      expected: 'root=signed+absent',
      found: 'root=verity+unprotected+unused',
    })
    const foreign = await verifyImage(path, { ...options, certificates: [certificateOf(other)] })
    expect(failedChecks(foreign.findings)).toEqual(['signature', 'image policy'])
  })

  test('a policy nobody can parse is an error', async () => {
    await expect(verifyImage(path, { imagePolicy: 'root=sined' })).rejects.toThrow(FormatError)
  })
})

describe('the name of the file', () => {
  test.each([
    ['hello_2.0.raw', []],
    ['hello_2.0_x86-64.sysext.raw', []],
    ['hello-2.0.raw', ['extension-release']],
    ['goodbye.raw', ['extension-release']],
    ['hello.confext.raw', ['extension-release', 'hierarchies']],
  ])('%s', async (name, failed) => {
    const file = join(folder, name)
    copyFileSync(path, file)
    const { findings } = await verifyImage(file, trusted)
    expect(failedChecks(findings)).toEqual(failed)
  })

  test('a symlink counts by its own name', async () => {
    const link = join(folder, 'hello+1.raw')
    symlinkSync(path, link)
    expect((await verifyImage(link, trusted)).verdict).toBe('ok')
  })
})

describe('other images', () => {
  test('of squashfs are verified without being read', async () => {
    const filesystem = join(folder, 'files.squashfs')
    const bytes = concat(new TextEncoder().encode('hsqs'), noise(9000))
    viewOf(bytes).setBigUint64(40, BigInt(bytes.length), true)
    writeFile(filesystem, bytes)
    const output = join(folder, 'squash.raw')
    const built = await wrapFilesystem({
      filesystem,
      output,
      threads: 0,
      signing: signingWith(rsa),
    })
    const { verdict, findings } = await verifyImage(output, trusted)
    expect(verdict).toBe('ok')
    expect(built.rootHash).toBe((await verifyImage(output)).rootHash)
    expect(findings).toContainEqual({
      check: 'file system',
      ok: true,
      note: 'squashfs; its contents are not looked at',
    })
  })

  test('that are none at all are an error', async () => {
    const file = join(folder, 'text.raw')
    writeFile(file, 'hello '.repeat(5000))
    await expect(verifyImage(file)).rejects.toMatchObject({ format: 'gpt', code: 'BAD_MAGIC' })
    await expect(verifyImage(join(folder, 'nowhere.raw'))).rejects.toThrow(FileError)
  })

  test('with an all-zero signature partition are wrong, not unsigned', async () => {
    const file = mutate(path, join(folder, 'hello_8.raw'), (bytes) => {
      const { offset, size } = image.partitions[2]!
      bytes.fill(0, offset, offset + size)
    })
    const { verdict, findings } = await verifyImage(file, trusted)
    expect(verdict).toBe('wrong')
    expect(failedChecks(findings)).toEqual(['signature partition'])
  })

  test('with an os-release file are wrong: systemd takes them for an operating system', async () => {
    const built = await buildImage(folder, 'os.raw', { 'usr/lib/os-releasX': 'ID=x' })
    const filesystem = join(folder, 'os.erofs')
    const { offset } = built.partitions[0]!
    mutate(built.output, filesystem, (bytes) => {
      const erofs = bytes.subarray(offset, offset + built.filesystemSize)
      const at = Buffer.from(erofs.buffer, erofs.byteOffset, erofs.length).indexOf('os-releasX')
      erofs[at + 9] = 'e'.charCodeAt(0)
      const checksum = superblockChecksum(erofs.subarray(SUPERBLOCK_OFFSET, 4096))
      viewOf(erofs).setUint32(SUPERBLOCK_OFFSET + Superblock.offsets.checksum, checksum, true)
    })
    writeFile(filesystem, readFileSync(filesystem).subarray(offset, offset + built.filesystemSize))
    const output = join(folder, 'os_2.raw')
    await wrapFilesystem({ filesystem, output, threads: 0, signing: signingWith(rsa) })
    const { findings } = await verifyImage(output, trusted)
    expect(findings.filter(({ ok }) => !ok)).toEqual([
      {
        check: 'hierarchies',
        ok: false,
        expected: 'no usr/lib/os-release',
        found: expect.stringMatching(/^there: /),
      },
    ])
  })
})

function hash(text: string): number {
  return new DataView(sha256(new TextEncoder().encode(text)).buffer).getInt32(0)
}
