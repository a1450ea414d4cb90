import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { linkSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openCredential } from '../../src/credentials/open.ts'
import { type SealOptions, sealCredential } from '../../src/credentials/seal.ts'
import { parseCredentialFile } from '../../src/formats/credential/credential-file.ts'
import { decodeCredential } from '../../src/formats/credential/decode.ts'
import {
  formatCredential,
  formatUnitSetting,
  parseCredentialText,
} from '../../src/formats/credential/text.ts'
import {
  parseStorageKey,
  storageKeyOf,
  storageKeyTemplate,
} from '../../src/formats/tpm2/storage-key.ts'
import { type CredentialTurn, credentialCarrier } from '../../src/rotation/credential.ts'
import { planRotation } from '../../src/rotation/plan.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const random = (size: number) => new Uint8Array(randomBytes(size))
/** {@link random} that keeps what it gives out: the first 32 bytes are what a TPM part holds. */
const keeping = (kept: Uint8Array[]) => (size: number) => {
  const bytes = random(size)
  kept.push(Uint8Array.from(bytes))
  return bytes
}
const [oldHost, newHost] = [random(64), random(64)]
const SECRET = Buffer.from('hunter2')
const TIMES = { timestamp: 1_000_001n, notAfter: 2_000_003n }

function write(options: Partial<SealOptions> = {}): string {
  const path = join(mkdtempSync(join(parent, 'case-')), 'db.cred')
  const { credential } = sealCredential({
    ...{ name: 'db', ...TIMES, secret: new Uint8Array(SECRET), host: oldHost, random },
    ...options,
  })
  writeFileSync(path, formatCredential(credential), { mode: 0o600 })
  return path
}

const hosts: CredentialTurn = {
  from: { host: async () => oldHost, acceptNull: false },
  to: { host: async () => newHost },
  random,
}
const read = (path: string) => parseCredentialText(readFileSync(path)).bytes
const carrierOf = (path: string, turn = hosts) => credentialCarrier(path, turn)

test('is sealed for the new host, with its name and its times, expired or not', async () => {
  const path = write()
  const carrier = carrierOf(path)
  expect(await carrier.examine()).toEqual({ state: 'old' })
  await carrier.move('new')
  expect(await carrier.examine()).toEqual({ state: 'new' })
  const opened = await openCredential({
    credential: read(path),
    acceptNull: false,
    host: async () => newHost,
  })
  expect(opened).toMatchObject({ name: 'db', ...TIMES })
  expect(Buffer.from(opened.secret)).toEqual(SECRET)
})

test('of which there are other names, that is said: they keep the old one', async () => {
  const path = write()
  const before = readFileSync(path)
  linkSync(path, `${path}.hard`)
  const carrier = carrierOf(path)
  const { steps } = await planRotation({ carriers: [carrier], keepOld: true })
  const left = 'another name of it, a hard link, keeps the old content'
  expect(steps).toMatchObject([{ action: 'replace', left }])
  await carrier.move('new')
  expect(readFileSync(`${path}.hard`)).toEqual(before)
  expect(await carrier.examine()).toEqual({ state: 'new' })
  linkSync(path, `${path}.second`)
  linkSync(path, `${path}.third`)
  expect((await carrier.examine()).left).toBe(
    '2 other names of it, hard links, keep the old content',
  )
})

test('of another host is neither, and said why', async () => {
  const path = write({ host: random(64) })
  expect(await carrierOf(path).examine()).toEqual({
    state: 'neither',
    note: expect.stringContaining('the key does not fit'),
  })
  const before = readFileSync(path)
  await expect(carrierOf(path).move('new')).rejects.toThrow('the key does not fit')
  expect(readFileSync(path)).toEqual(before)
})

test('with a null key is taken only where it is told to', async () => {
  const path = write({ host: undefined })
  expect((await carrierOf(path).examine()).state).toBe('neither')
  const accepting = { ...hosts, from: { ...hosts.from, acceptNull: true } }
  expect(await carrierOf(path, accepting).examine()).toEqual({ state: 'old' })
})

test('of one user is left to cred rekey', async () => {
  const scope = { uid: 1000, userName: 'lea', machineId: random(16) }
  const path = write({ scope })
  expect(await carrierOf(path).examine()).toEqual({
    state: 'neither',
    note: 'it belongs to one user: extsign cred rekey moves it',
  })
})

test.each([
  ['no credential', 'AAAA', 'credential: '],
  ['no text', 'pass-word', 'not base64'],
])('%s is an error', async (_, text, message) => {
  const path = join(parent, 'broken')
  writeFileSync(path, text)
  await expect(carrierOf(path).examine()).rejects.toThrow(message)
  await expect(carrierOf(path).move('new')).rejects.toThrow(message)
})

describe('of a unit', () => {
  const seal = (host: Uint8Array, name: string) =>
    sealCredential({ name, ...TIMES, secret: new Uint8Array(SECRET), host, random }).credential
  const unit = (...settings: string[]) => {
    const path = join(mkdtempSync(join(parent, 'unit-')), 'app.service')
    const text = `# caf\xe9\r\n[Service]\r\nExecStart=/bin/true\n${settings.join('# between\n')}\n[Install]\nWantedBy=x\n`
    writeFileSync(path, Buffer.from(text, 'latin1'), { mode: 0o640 })
    return path
  }
  const setting = (host: Uint8Array, name: string, unitName = name) =>
    formatUnitSetting(unitName, seal(host, name))
  const opened = async (path: string, host: Uint8Array) => {
    const { credentials } = parseCredentialFile(readFileSync(path))
    return Promise.all(
      credentials.map(async ({ bytes, setting }) => {
        const options = { credential: bytes, acceptNull: false, host: async () => host }
        const { name, secret } = await openCredential(options)
        return [setting?.unitName, name, Buffer.from(secret).toString()]
      }),
    )
  }
  /** What is no base64 in its lines. */
  const around = (path: string) =>
    readFileSync(path, 'latin1').replaceAll(/(?<=^ +)[A-Za-z0-9+/=]+(?=(?: \\)?$)/gm, '')

  test('is sealed anew where it is, with everything else as it was', async () => {
    const path = unit(setting(oldHost, 'db'), setting(oldHost, 'a%b'))
    const before = around(path)
    const carrier = carrierOf(path)
    expect(await carrier.examine()).toEqual({ state: 'old' })
    await carrier.move('new')
    expect(await carrier.examine()).toEqual({ state: 'new' })
    expect(around(path)).toBe(before)
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(await opened(path, newHost)).toEqual([
      ['db', 'db', 'hunter2'],
      ['a%b', 'a%b', 'hunter2'],
    ])
  })

  test('is left as it is where it carries the new key already', async () => {
    const path = unit(setting(newHost, 'one'), setting(oldHost, 'two'))
    const first = parseCredentialFile(readFileSync(path)).credentials[0]?.bytes
    expect(await carrierOf(path).examine()).toEqual({
      state: 'old',
      note: '1 of 2 credentials carry the new key',
    })
    await carrierOf(path).move('new')
    expect(parseCredentialFile(readFileSync(path)).credentials[0]?.bytes).toEqual(first)
    expect(await opened(path, newHost)).toHaveLength(2)
  })

  test('moves with all the others or not at all', async () => {
    const path = unit(setting(oldHost, 'db'), setting(random(64), 'other'))
    const before = readFileSync(path)
    expect(await carrierOf(path).examine()).toEqual({
      state: 'neither',
      note: expect.stringMatching(/^line \d+: the key does not fit/),
    })
    await expect(carrierOf(path).move('new')).rejects.toThrow('the key does not fit')
    expect(readFileSync(path)).toEqual(before)
  })

  test('that systemd refuses for its name is moved, and said', async () => {
    const path = unit(setting(oldHost, 'db', 'database'))
    expect(await carrierOf(path).examine()).toEqual({
      state: 'old',
      note: "line 4: it is called 'db' inside and 'database' in the unit: systemd refuses it",
    })
    await carrierOf(path).move('new')
    expect(await opened(path, newHost)).toEqual([['database', 'db', 'hunter2']])
  })

  test('that has none is an error', async () => {
    const path = unit('SetCredential=x:y\nLoadCredentialEncrypted=a:b\n')
    await expect(carrierOf(path).examine()).rejects.toThrow('no credential is in this unit')
  })
})

describe('for a TPM that is somewhere else', () => {
  const storageKey = () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return parseStorageKey(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })))
  }
  const policyKey = () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = new Uint8Array(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })))
    return { pem, pcrMask: 1 << 11 }
  }
  const parentKey = storageKey()
  const target = (publicKey = policyKey(), parent = parentKey): CredentialTurn => ({
    from: { host: async () => oldHost, acceptNull: false },
    to: {},
    withTpm: async (use) =>
      use({
        sealer: { kind: 'offline', parent },
        policy: { bank: 'sha256', literal: new Map(), publicKey },
      }),
    random,
  })

  test('is known as new by what stands in the clear', async () => {
    const path = write()
    const turn = target()
    expect(await carrierOf(path, turn).examine()).toEqual({ state: 'old' })
    await carrierOf(path, turn).move('new')
    expect(await carrierOf(path, turn).examine()).toEqual({ state: 'new' })
    expect(decodeCredential(read(path)).headers.type.name).toContain('tpm2')
  })

  test.each([
    ['another policy key', () => target()],
    ['another TPM', () => target(undefined, storageKey())],
  ])('is not new for %s', async (_, other) => {
    const path = write()
    await carrierOf(path, target()).move('new')
    const { state, note } = await carrierOf(path, other()).examine()
    expect(state).toBe('neither')
    expect(note).toContain('needs the TPM it was sealed for')
  })

  describe('with a key of the kind that credentials do not name', () => {
    const legacyKey = () => {
      const { attributes } = storageKeyTemplate('legacy', 'ecc')
      return storageKeyOf({ ...storageKey().area, attributes })
    }
    const key = policyKey()

    test('is new after it was moved, and not moved again', async () => {
      const path = write()
      const turn = target(key, legacyKey())
      expect(await carrierOf(path, turn).examine()).toEqual({ state: 'old' })
      await carrierOf(path, turn).move('new')
      const moved = readFileSync(path)
      const note = 'sealed for a TPM, of which it does not say which'
      expect(await carrierOf(path, turn).examine()).toEqual({ state: 'new', note })
      await carrierOf(path, turn).move('new')
      expect(readFileSync(path)).toEqual(moved)
    })

    test('is old while the old TPM opens it', async () => {
      const path = write()
      const old = target(key, legacyKey())
      const parts: Uint8Array[] = []
      await carrierOf(path, { ...old, random: keeping(parts) }).move('new')
      const tpm = async () => new Uint8Array(parts.find(({ length }) => length === 32)!)
      const turn = { ...target(key, legacyKey()), from: { ...old.from, tpm } }
      expect(await carrierOf(path, turn).examine()).toEqual({ state: 'old' })
      await carrierOf(path, turn).move('new')
      expect((await carrierOf(path, turn).examine()).state).toBe('new')
    })
  })

  test('is old while its host is, whatever TPM it names', async () => {
    const path = write()
    const key = policyKey()
    const both = (host: Uint8Array): CredentialTurn => ({
      ...target(key),
      to: { host: async () => host },
    })
    const parts: Uint8Array[] = []
    await carrierOf(path, { ...both(oldHost), random: keeping(parts) }).move('new')
    const tpm = async () => new Uint8Array(parts.find(({ length }) => length === 32)!)
    const turn = { ...both(newHost), from: { ...hosts.from, tpm } }
    expect(await carrierOf(path, turn).examine()).toEqual({ state: 'old' })
    await carrierOf(path, turn).move('new')
    expect(await carrierOf(path, turn).examine()).toEqual({ state: 'new' })
  })
})
