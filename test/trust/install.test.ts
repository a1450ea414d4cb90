import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type InstallOptions, installCertificates } from '../../src/trust/install.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const [a, b] = ['a', 'b'].map((name) =>
  makeTestKey('p256', { commonName: `TEST-DO-NOT-USE ${name}` }),
) as [Key, Key]
type Key = ReturnType<typeof makeTestKey>

let folder: string
let root: string
const file = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const install = (certificates: readonly string[], options: Partial<InstallOptions> = {}) =>
  installCertificates({ certificates, root, ...options })

beforeEach(() => {
  folder = mkdtempSync(join(parent, 'case-'))
  root = join(folder, 'root')
  mkdirSync(root)
})

test('writes PEM with the suffix .crt, readable by all, whatever the umask and the form', async () => {
  const before = process.umask(0o077)
  try {
    const sources = [file('a.pem', a.certificatePem), file('b.der', b.certificate)]
    const installed = await install(sources)
    expect(installed.map(({ path, state }) => [path, state])).toEqual([
      [join(root, 'etc/verity.d/a.crt'), 'installed'],
      [join(root, 'etc/verity.d/b.crt'), 'installed'],
    ])
  } finally {
    process.umask(before)
  }
  expect(readFileSync(join(root, 'etc/verity.d/a.crt'), 'utf8')).toBe(a.certificatePem)
  expect(readFileSync(join(root, 'etc/verity.d/b.crt'), 'utf8')).toBe(b.certificatePem)
  for (const path of ['etc', 'etc/verity.d']) expect(mode(path)).toBe(0o755)
  for (const path of ['etc/verity.d/a.crt', 'etc/verity.d/b.crt']) expect(mode(path)).toBe(0o644)
})

test('the place of the vendor is /usr/lib, and what hides the file there is said', async () => {
  const source = file('a.crt', a.certificatePem)
  const [first] = await install([source], { place: 'vendor' })
  expect([first?.path, first?.warnings]).toEqual([join(root, 'usr/lib/verity.d/a.crt'), []])
  mkdirSync(join(root, 'etc/verity.d'), { recursive: true })
  writeFileSync(join(root, 'etc/verity.d/a.crt'), '')
  const [second] = await install([source], { place: 'vendor' })
  expect([second?.state, second?.warnings]).toEqual([
    'unchanged',
    [`${first?.path} is ignored: ${join(root, 'etc/verity.d/a.crt')} hides it`],
  ])
})

test('the same certificate again changes nothing', async () => {
  const source = file('a.crt', a.certificatePem)
  await install([source])
  const before = statSync(join(root, 'etc/verity.d/a.crt'))
  expect((await install([source]))[0]?.state).toBe('unchanged')
  expect(statSync(join(root, 'etc/verity.d/a.crt')).ino).toBe(before.ino)
})

test('another certificate is replaced only by force', async () => {
  await install([file('x.crt', a.certificatePem)])
  const source = file('y.crt', b.certificatePem)
  await expect(install([source], { name: 'x' })).rejects.toThrow(
    expect.objectContaining({
      code: 'EXISTS',
      message: `${join(root, 'etc/verity.d/x.crt')} exists and holds another certificate than ${source}`,
    }),
  )
  expect(readFileSync(join(root, 'etc/verity.d/x.crt'), 'utf8')).toBe(a.certificatePem)
  const [done] = await install([source], { name: 'x', force: true })
  expect(done?.state).toBe('replaced')
  expect(readFileSync(join(root, 'etc/verity.d/x.crt'), 'utf8')).toBe(b.certificatePem)
})

test('of two that replace one certificate at once, those that say so did it', async () => {
  const sources = [file('a.crt', a.certificatePem), file('b.crt', b.certificatePem)]
  for (let round = 0; round < 20; round++) {
    await install([sources[0]!], { name: 'x', force: true })
    const runs = [sources[1]!, sources[0]!, sources[1]!].map((source) =>
      install([source], { name: 'x', force: true }),
    )
    const ended = await Promise.allSettled(runs)
    const states = ended.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
    for (const each of ended) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'LOCKED' })
    }
    const found = readFileSync(join(root, 'etc/verity.d/x.crt'), 'utf8')
    const replaced = states.filter(({ state }) => state === 'replaced').map(({ source }) => source)
    expect([a.certificatePem, b.certificatePem]).toContain(found)
    if (replaced.length === 1) expect(found).toBe(readFileSync(replaced[0]!, 'utf8'))
    expect(readdirSync(join(root, 'etc/verity.d'))).toEqual(['x.crt'])
  }
})

test('all appear or none', async () => {
  mkdirSync(join(root, 'etc/verity.d/b.crt'), { recursive: true })
  const sources = [file('a.crt', a.certificatePem), file('b.crt', b.certificatePem)]
  await expect(install(sources)).rejects.toThrow('b.crt')
  expect(readdirSync(join(root, 'etc/verity.d'))).toEqual(['b.crt'])
})

test('says of an authority and of an expired certificate what readers make of them', async () => {
  const now = new Date('2040-01-01')
  const [done] = await install([file('a.crt', a.certificatePem)], { now })
  expect(done?.warnings).toEqual([`certificate ${join(folder, 'a.crt')} expired on 2036-01-01`])
})

describe('refuses', () => {
  const cases: readonly (readonly [string, () => readonly string[], string])[] = [
    ['a private key', () => [file('k.pem', a.keyPem)], 'holds a private key, not a certificate'],
    ['no certificate', () => [file('t.crt', 'hello')], 'is no certificate, neither PEM nor DER'],
    ['a file that is not there', () => [join(folder, 'missing.crt')], 'does not exist'],
    [
      'several in one file',
      () => [file('chain.pem', a.certificatePem + b.certificatePem)],
      'holds 2 certificates, of which systemd would read one',
    ],
    ['a hidden name', () => [file('.crt', a.certificatePem)], 'is no name for a file in verity.d'],
    [
      'two of one name',
      () => [file('a.crt', a.certificatePem), file('a.pem', b.certificatePem)],
      'would both become a.crt',
    ],
  ]
  test.each(cases)('%s', async (_, sources, message) => {
    await expect(install(sources())).rejects.toThrow(message)
    expect(existsSync(join(root, 'etc'))).toBe(false)
  })

  test.each(['a/b', '..', '', 'a\0b'])('the name %j', async (name) => {
    const source = file('a.crt', a.certificatePem)
    await expect(install([source], { name })).rejects.toThrow('is no name for a file in verity.d')
  })

  test('one name for several', async () => {
    const sources = [file('a.crt', a.certificatePem), file('b.crt', b.certificatePem)]
    await expect(install(sources, { name: 'x' })).rejects.toThrow('one name for 2 certificates')
  })

  test('a root that is not there', async () => {
    const source = file('a.crt', a.certificatePem)
    await expect(install([source], { root: join(folder, 'none') })).rejects.toThrow('no such file')
  })

  test('a link that leads out of the root', async () => {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    symlinkSync(outside, join(root, 'etc'))
    await expect(install([file('a.crt', a.certificatePem)])).rejects.toThrow(
      `leads out of ${root}, to ${outside}`,
    )
    expect(readdirSync(outside)).toEqual([])
  })

  test('a file that is a link out of the root, also with force', async () => {
    const outside = join(folder, 'outside.crt')
    writeFileSync(outside, a.certificatePem)
    mkdirSync(join(root, 'etc/verity.d'), { recursive: true })
    symlinkSync(outside, join(root, 'etc/verity.d/a.crt'))
    const source = file('a.crt', b.certificatePem)
    await expect(install([source], { force: true })).rejects.toMatchObject({ code: 'OUTSIDE_ROOT' })
    expect(readFileSync(outside, 'utf8')).toBe(a.certificatePem)
  })

  test('a folder it may not write to', async () => {
    mkdirSync(join(root, 'etc'))
    chmodSync(join(root, 'etc'), 0o755)
    writeFileSync(join(root, 'etc/verity.d'), 'a file')
    await expect(install([file('a.crt', a.certificatePem)])).rejects.toThrow('verity.d')
  })
})

test('follows a link that stays inside', async () => {
  mkdirSync(join(root, 'real'))
  symlinkSync('real', join(root, 'etc'))
  await install([file('a.crt', a.certificatePem)])
  expect(readdirSync(join(root, 'real/verity.d'))).toEqual(['a.crt'])
})

test.runIf(process.platform !== 'win32')(
  'what is replaced by force keeps its mode, and the link that leads to it',
  async () => {
    mkdirSync(join(root, 'etc/verity.d'), { recursive: true })
    mkdirSync(join(root, 'shared'))
    writeFileSync(join(root, 'shared/x'), a.certificatePem, { mode: 0o600 })
    symlinkSync('../../shared/x', join(root, 'etc/verity.d/x.crt'))
    const source = file('x.crt', b.certificatePem)
    const [done] = await install([source], { force: true })
    expect(done?.state).toBe('replaced')
    expect(readlinkSync(join(root, 'etc/verity.d/x.crt'))).toBe('../../shared/x')
    expect(readFileSync(join(root, 'shared/x'), 'utf8')).toBe(b.certificatePem)
    expect(mode('shared/x')).toBe(0o600)
  },
)

function mode(path: string): number {
  return statSync(join(root, path)).mode & 0o777
}
