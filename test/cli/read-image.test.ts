import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { generateKey } from '../../src/keys/generate.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const trusted = ['--certificate', at('a.crt')]

function put(path: string, text: string): string {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text)
  return at(path)
}

/** Flips a bit in the content of `usr/share/large` and returns the offset of its block. */
function damage(name: string): number {
  const bytes = readFileSync(at(name))
  const offset = bytes.indexOf('large '.repeat(100))
  bytes[offset] = bytes[offset]! ^ 1
  writeFileSync(at(name), bytes)
  return offset - (offset % 4096)
}

let damagedBlock = 0

beforeAll(async () => {
  put('hello/usr/bin/hello', 'hello\n')
  put('hello/usr/share/a\x1b[2Jb', 'odd\n')
  put('hello/usr/share/large', 'large '.repeat(4096))
  const now = new Date('2026-11-01T00:00:00Z')
  for (const name of ['a', 'b']) {
    await generateKey({ directory: folder, name, algorithm: 'p256', days: 5000, now })
  }
  const build = async (...args: string[]) => {
    const { code, stderr } = await extsign(['sysext', at('hello'), '-q', ...args])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  }
  const signing = ['--private-key', at('a.key'), ...trusted]
  await build('-o', at('hello.sysext.raw'), '--id', '_any', ...signing)
  await build('-o', at('unsigned.sysext.raw'), '--id', 'debian', '--version-id', '13', '--unsigned')
  copyFileSync(at('hello.sysext.raw'), at('hello_broken.sysext.raw'))
  damagedBlock = damage('hello_broken.sysext.raw')
  put('garbage.raw', 'no image at all')
})

describe('verify', () => {
  const cases: [string, string[], number, RegExp][] = [
    ['a signed image and its certificate', ['hello.sysext.raw', ...trusted], 0, /is ok\n$/],
    [
      'a signed image alone',
      ['hello.sysext.raw'],
      3,
      /^open {2}signature: expected a certificate/m,
    ],
    [
      'a signed image alone, with --unsigned',
      ['hello.sysext.raw', '--unsigned'],
      0,
      /nothing wrong, not all proven\n$/,
    ],
    [
      'a signed image and another certificate',
      ['hello.sysext.raw', '--certificate', at('b.crt')],
      3,
      /^FAIL {2}signature: /m,
    ],
    [
      'the same with --unsigned',
      ['hello.sysext.raw', '--unsigned', '--certificate', at('b.crt')],
      3,
      /^FAIL {2}signature: /m,
    ],
    [
      'both certificates',
      ['hello.sysext.raw', '--certificate', at('b.crt'), ...trusted],
      0,
      /is ok\n$/,
    ],
    [
      'an unsigned image and a certificate',
      ['unsigned.sysext.raw', ...trusted],
      3,
      /^FAIL {2}signature: expected a signature, found none/m,
    ],
    ['an unsigned image', ['unsigned.sysext.raw'], 3, /^open {2}signature: /m],
    [
      'an unsigned image, with --unsigned',
      ['unsigned.sysext.raw', '--unsigned'],
      0,
      /not all proven/,
    ],
    [
      'a flipped bit',
      ['hello_broken.sysext.raw', ...trusted],
      3,
      /^FAIL {2}data: .* at byte \d+$/m,
    ],
    [
      'a flipped bit, with --unsigned',
      ['hello_broken.sysext.raw', '--unsigned'],
      3,
      /is wrong: \d checks? failed\n$/,
    ],
    [
      'a policy that admits it',
      ['hello.sysext.raw', ...trusted, '--image-policy', 'root=signed+absent'],
      0,
      /^ok {4}image policy/m,
    ],
    [
      'a policy that does not',
      ['unsigned.sysext.raw', '--unsigned', '--image-policy', 'root=signed+absent'],
      3,
      /^FAIL {2}image policy/m,
    ],
  ]
  test.each(cases)('%s', async (_, args, code, expected) => {
    const words = args.map((word) => (word.endsWith('.raw') ? at(word) : word))
    const outcome = await extsign(['verify', ...words])
    expect(outcome.stdout).toMatch(expected)
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code, stderr: '' })
  })

  test('says whether a target merges it, with both values where not', async () => {
    const run = (text: string, ...args: string[]) =>
      extsign([
        'verify',
        at('unsigned.sysext.raw'),
        '--unsigned',
        '--os-release',
        put('os', text),
        ...args,
      ])
    expect(await run('ID=debian\nVERSION_ID=13\n')).toMatchObject({ code: 0 })
    const other = await run('ID=debian\nVERSION_ID=12\n')
    expect(other.code).toBe(3)
    expect(other.stdout).toMatch(/^FAIL {2}merge: expected VERSION_ID 12, found VERSION_ID 13/m)
    const initrd = await run('ID=debian\nVERSION_ID=13\n', '--scope', 'initrd')
    expect(initrd.stdout).toMatch(/^FAIL {2}merge: .*SYSEXT_SCOPE/m)
  })

  test('goes on after an image that cannot be read', async () => {
    const images = [at('garbage.raw'), at('hello.sysext.raw')]
    const { code, stdout, stderr } = await extsign(['verify', ...images, ...trusted])
    expect(code).toBe(3)
    expect(stdout).toContain('hello.sysext.raw is ok')
    expect(stderr).toContain(`extsign: error: ${at('garbage.raw')}: gpt: `)
    const missing = await extsign(['verify', at('missing.raw'), at('garbage.raw'), ...trusted])
    expect(missing.code).toBe(1)
  })

  test('as JSON is an array of all images', async () => {
    const images = ['hello.sysext.raw', 'hello_broken.sysext.raw', 'garbage.raw'].map(at)
    const { stdout } = await extsign(['verify', '--json', ...images, ...trusted])
    const [good, broken, garbage] = JSON.parse(stdout)
    expect(good).toMatchObject({ path: images[0], verdict: 'ok' })
    expect(good.rootHash).toMatch(/^[0-9a-f]{64}$/)
    expect(good.readers.map(({ reader }: { reader: string }) => reader)).toEqual([
      'kernel',
      'userspace',
      'systemd',
    ])
    expect(broken.verdict).toBe('wrong')
    expect(broken.findings).toContainEqual(
      expect.objectContaining({ check: 'data', ok: false, offset: damagedBlock }),
    )
    expect(Object.keys(garbage)).toEqual(['path', 'error'])
  })

  test('in silence says it with the exit code', async () => {
    const quiet = await extsign(['verify', '-q', at('hello_broken.sysext.raw')])
    expect(quiet).toEqual({ code: 3, stdout: '', stderr: '' })
  })

  test.each([
    [
      'a policy that is none',
      ['--image-policy', 'root=maybe'],
      /--image-policy: image policy: unknown flag/,
    ],
    [
      'a scope without a target',
      ['--scope', 'initrd'],
      /--scope says something only beside --os-release/,
    ],
    [
      'a machine without a target',
      ['--architecture', 'arm64'],
      /--architecture says something only/,
    ],
    [
      'the name another tool has for a machine',
      ['--architecture', 'amd64'],
      /did you mean x86-64\?/,
    ],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await extsign(['verify', at('hello.sysext.raw'), ...args])
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })
})

describe('inspect', () => {
  test('shows every structure', async () => {
    const { code, stdout, stderr } = await extsign(['inspect', at('hello.sysext.raw')])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const heading of ['partition 1', 'partition 3', 'file system', 'hash tree', 'signature']) {
      expect(stdout).toMatch(new RegExp(`^${heading}$`, 'm'))
    }
    expect(stdout).toMatch(/^ {2}ID {4}_any$/m)
    expect(stdout).toMatch(/^ {2}admitted by {2}sysext, sysext-strict/m)
  })

  test('as JSON has the root hash that the build printed', async () => {
    const { stdout } = await extsign(['inspect', '--json', at('hello.sysext.raw')])
    const { rootHashes, partitions, releases } = JSON.parse(stdout)
    expect(new Set(rootHashes.map(({ rootHash }: { rootHash: string }) => rootHash)).size).toBe(1)
    expect(partitions).toHaveLength(3)
    expect(releases[0].fields).toEqual({ ID: '_any' })
  })

  test('names the file that is no image', async () => {
    const { code, stderr } = await extsign(['inspect', at('garbage.raw')])
    expect(code).toBe(1)
    expect(stderr).toContain(`extsign: error: ${at('garbage.raw')}: gpt: `)
  })
})

describe('ls', () => {
  const lines = async (...args: string[]) =>
    (await extsign(['ls', at('hello.sysext.raw'), ...args])).stdout.trimEnd().split('\n')

  test('lists everything, escapes shown', async () => {
    expect(await lines()).toEqual([
      '.',
      'usr',
      'usr/bin',
      'usr/bin/hello',
      'usr/lib',
      'usr/lib/extension-release.d',
      'usr/lib/extension-release.d/extension-release.hello',
      'usr/share',
      'usr/share/a\\033[2Jb',
      'usr/share/large',
    ])
  })

  test('lists a part, or one level', async () => {
    expect(await lines('usr/bin')).toEqual(['usr/bin', 'usr/bin/hello'])
    expect(await lines('/usr', '--children')).toEqual(['usr/bin', 'usr/lib', 'usr/share'])
    expect(await lines('usr/share/a\\033[2Jb')).toEqual(['usr/share/a\\033[2Jb'])
  })

  test('with mode, owner, size and time', async () => {
    const [directory, file] = await lines('-l', 'usr/bin')
    expect(directory).toMatch(/^drwxr-xr-x {2}0\/0 +\d+ 1970-01-01 00:00:00 usr\/bin$/)
    expect(file).toMatch(/^-rw-r--r-- {2}0\/0 +6 1970-01-01 00:00:00 usr\/bin\/hello$/)
  })

  test('as JSON is an array', async () => {
    const { stdout } = await extsign(['ls', '--json', at('hello.sysext.raw'), 'usr/bin'])
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({ path: 'usr/bin', kind: 'directory', mode: 0o755 }),
      expect.objectContaining({ path: 'usr/bin/hello', kind: 'file', size: 6, xattrs: [] }),
    ])
  })

  test('names a path that is not there', async () => {
    const { code, stdout, stderr } = await extsign(['ls', at('hello.sysext.raw'), 'etc'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`extsign: error: ${at('hello.sysext.raw')} holds no etc\n`)
  })
})

describe('unpack', () => {
  test('writes the files', async () => {
    const { code, stdout, stderr } = await extsign([
      'unpack',
      at('hello.sysext.raw'),
      at('out1'),
      ...trusted,
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`${at('out1')}: 4 files, 6 folders`)
    expect(readFileSync(at('out1/usr/bin/hello'), 'utf8')).toBe('hello\n')
  })

  test('warns when nobody vouches for the image', async () => {
    const { code, stderr } = await extsign(['unpack', at('hello.sysext.raw'), at('out2'), '-q'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^extsign: warning: nobody vouches for /)
  })

  test.each([
    ['a broken image', ['hello_broken.sysext.raw'], /does not verify: data/],
    [
      'one that somebody else signed',
      ['hello.sysext.raw', '--certificate', at('b.crt')],
      /does not verify: signature/,
    ],
    [
      'one that nobody signed, with a certificate',
      ['unsigned.sysext.raw', ...trusted],
      /does not verify: signature/,
    ],
    ['what is no image', ['garbage.raw'], /garbage\.raw: gpt: /],
    ['one larger than allowed', ['hello.sysext.raw', '--maximum-size', '4'], /./],
  ])('refuses %s', async (_, [image = '', ...args], message) => {
    const { code, stdout, stderr } = await extsign(['unpack', at(image), at('refused'), ...args])
    expect(stderr).toMatch(message)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(readdirSync(folder).filter((name) => name.includes('refused'))).toEqual([])
  })

  test('unpacks a broken image when told to', async () => {
    const argv = ['unpack', at('hello_broken.sysext.raw'), at('out3'), '--unverified', '--json']
    const { code, stdout, stderr } = await extsign(argv)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ directory: at('out3'), files: 4 })
  })

  test.each([
    ['64G', true],
    ['0', true],
    ['1.5G', false],
    ['-1', false],
    ['5X', false],
    ['9999999T', false],
  ])('a size of %s is accepted: %s', async (size, accepted) => {
    const { stderr } = await extsign([
      'unpack',
      at('missing.raw'),
      at('x'),
      `--maximum-size=${size}`,
    ])
    expect(stderr.includes('is not a size')).toBe(!accepted)
  })
})
