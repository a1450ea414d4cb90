import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isStorableXattr } from '../../src/tree/xattr-names.ts'
import { openXattrReader, type ReadXattrs, type XattrModule } from '../../src/tree/xattrs.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
writeFileSync(join(folder, 'file'), '')
symlinkSync('nowhere', join(folder, 'link'))

/** A stand-in for the package that knows one inode's attributes, wherever it is asked for. */
function fakeModule(attributes: Readonly<Record<string, string>>): XattrModule {
  return {
    listAttributesSync: () => Object.keys(attributes),
    getAttributeSync: (_, name) => Buffer.from(attributes[name] ?? ''),
  }
}

async function openReader(module: XattrModule): Promise<ReadXattrs> {
  const access = await openXattrReader(async () => module)
  if (!access.available) throw new Error(access.reason)
  return access.read
}

describe('attributes', () => {
  test('come sorted, without those no image can hold', async () => {
    const read = await openReader(
      fakeModule({ 'user.b': '2', 'system.nfs4_acl': 'x', 'user.a': '1', 'security.ima': '3' }),
    )
    const found = [...read(join(folder, 'file'), false)]
    expect(found.map(([name, value]) => `${name}=${Buffer.from(value)}`)).toEqual([
      'security.ima=3',
      'user.a=1',
      'user.b=2',
    ])
  })

  test('are none where the file system has none', async () => {
    const unsupported = Object.assign(new Error('unsupported'), { code: 'ENOTSUP' })
    const read = await openReader({
      ...fakeModule({}),
      listAttributesSync: () => {
        throw unsupported
      },
    })
    expect(read(join(folder, 'file'), false).size).toBe(0)
  })

  test('that cannot be read are an error that names the file', async () => {
    const denied = Object.assign(new Error('denied'), { code: 'EACCES' })
    const read = await openReader({
      ...fakeModule({ 'user.a': '1' }),
      getAttributeSync: () => {
        throw denied
      },
    })
    const path = join(folder, 'file')
    expect(() => read(path, false)).toThrow(
      expect.objectContaining({ code: 'UNREADABLE', message: expect.stringContaining(path) }),
    )
  })
})

describe.runIf(process.platform === 'linux')('on Linux', () => {
  test('links and names that are not UTF-8 are asked by descriptor', async () => {
    const asked: string[] = []
    const read = await openReader({
      listAttributesSync: (path) => {
        asked.push(path)
        return []
      },
      getAttributeSync: () => new Uint8Array(),
    })
    const raw = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])])
    mkdirSync(raw)
    read(join(folder, 'link'), true)
    read(raw, false)
    expect(asked).toEqual([
      expect.stringMatching(/^\/proc\/self\/fd\/\d+$/),
      expect.stringMatching(/^\/proc\/self\/fd\/\d+$/),
    ])
  })
})

describe('a host that cannot read attributes says why', () => {
  const CASES = [
    [
      Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' }),
      'the optional package fs-xattr is not installed',
    ],
    [new Error('wrong ELF class'), 'the package fs-xattr does not load'],
  ] as const

  test.each(CASES)('%s', async (error, reason) => {
    const access = await openXattrReader(() => Promise.reject(error))
    expect(access).toEqual({ available: false, reason })
  })

  test.each([{}, { listAttributesSync: 1, getAttributeSync: 2 }, 'text', null])(
    'a module that is %o',
    async (module) => {
      const access = await openXattrReader(async () => module)
      expect(access).toEqual({
        available: false,
        reason: 'this version of fs-xattr is not known',
      })
    },
  )
})

test.each([
  ['user.a', true],
  ['user.extension-release.strict', true],
  ['security.capability', true],
  ['trusted.overlay.opaque', true],
  ['system.posix_acl_access', true],
  ['system.posix_acl_default', true],
  ['system.posix_acl', false],
  ['user.', false],
  ['com.apple.quarantine', false],
  [`user.${'é'.repeat(128)}`, false],
])('%s is storable: %s', (name, expected) => {
  expect(isStorableXattr(name)).toBe(expected)
})
