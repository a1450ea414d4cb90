/** Credentials in unit files and drop-ins, as `cred encrypt -p - >> app.service` makes them. */

import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const [OLD, NEW] = [at('old.secret'), at('new.secret')]
const SECRETS = { db: 'hunter2', token: 'sesame', other: 'abc' }
const UNIT = '# caf\xe9 \\\n[Unit]\r\nDescription=App\n\n[Service]\nExecStart=/bin/true\n'

const run = (...args: string[]) => extsign(['cred', ...args])
const seal = async (name: string) => {
  const secret = new TextEncoder().encode(SECRETS[name as keyof typeof SECRETS])
  const options = ['--host-secret', OLD, `--name=${name}`, '-p', '-', '-']
  return (await extsign(['cred', 'encrypt', ...options], { input: secret })).stdout
}

beforeAll(async () => {
  await run('setup', '--machine-id', '0'.repeat(31).concat('1'), OLD)
  await run('setup', '--machine-id', '0'.repeat(31).concat('2'), NEW)
  mkdirSync(at('units'))
  for (const unit of ['app.service', 'two.conf']) {
    writeFileSync(at(`units/${unit}`), Buffer.from(UNIT, 'latin1'), { mode: 0o644 })
  }
  appendFileSync(at('units/app.service'), await seal('db'))
  const [first, second] = [await seal('db'), await seal('token')]
  appendFileSync(at('units/two.conf'), first.replaceAll('\\\n', '\\\n; between\n'))
  appendFileSync(at('units/two.conf'), `SetCredential=plain:text\n${second}[Install]\nAlias=x\n`)
})

/** The file without its base64. */
const around = (path: string) =>
  readFileSync(path, 'latin1').replaceAll(/(?<=^ +)[A-Za-z0-9+/=]+(?=(?: \\)?$)/gm, '')
const open = (path: string, secret: string, ...args: string[]) =>
  run('decrypt', '--host-secret', secret, ...args, path)

describe('a folder with units that have no credentials', () => {
  const NONE = [
    '[Service]\nRestart=always\n',
    '# nothing\n',
    '[Socket]\nSetCredentialEncrypted=a:AAAA\n',
  ]
  const names = ['none.service', 'none.service.d.conf.service', 'ignored.service']

  beforeAll(async () => {
    mkdirSync(at('with-none'))
    for (const [index, name] of names.entries())
      writeFileSync(at(`with-none/${name}`), NONE[index]!)
    writeFileSync(at('with-none/app.service'), `[Service]\n${await seal('db')}`)
  })

  test('is rekeyed past them, and they are copied', async () => {
    const keys = ['--old-host-secret', OLD, '--host-secret', NEW]
    const { code, stdout, stderr } = await run(
      'rekey',
      ...keys,
      at('with-none'),
      at('with-none-new'),
    )
    expect([code, stdout]).toEqual([0, `1 credential sealed into ${at('with-none-new')}\n`])
    for (const name of names) {
      expect(stderr).toContain(`${at(`with-none/${name}`)}: no credential is in this unit: `)
      expect(readFileSync(at(`with-none-new/${name}`))).toEqual(
        readFileSync(at(`with-none/${name}`)),
      )
    }
    expect(stderr).toContain(
      'systemd ignores SetCredentialEncrypted= in [Socket]; it goes into [Service]',
    )
    expect((await open(at('with-none-new/app.service'), NEW)).stdout).toBe('hunter2')
  })

  test('is rotated past them, but not where one is named', async () => {
    const rotate = (...files: string[]) => {
      const plan = { files, 'old-host-secret': OLD, 'host-secret': NEW }
      writeFileSync(at('plan.json'), JSON.stringify({ credentials: [plan] }))
      return extsign(['rotate', at('plan.json')])
    }
    const named = await rotate(at('with-none'), at('with-none/none.service'))
    expect(named.code).toBe(1)
    expect(named.stdout).toContain('none.service: cannot be told; credential: no credential is in')
    const { code, stdout, stderr } = await rotate(at('with-none'))
    expect([code, stdout]).toEqual([0, '0 steps done\n'])
    for (const name of names) {
      expect(stderr).toContain(`${at(`with-none/${name}`)}: no credential is in this unit`)
    }
    expect((await open(at('with-none/app.service'), NEW)).stdout).toBe('hunter2')
  })
})

describe('decrypt opens', () => {
  test('the only one of a unit, by the name that it has there', async () => {
    expect(await open(at('units/app.service'), OLD)).toMatchObject({ code: 0, stdout: 'hunter2' })
    const { code, stderr } = await open(at('units/app.service'), OLD, '--name=other')
    expect([code, stderr]).toEqual([3, expect.stringContaining("it is called 'db', not 'other'")])
  })

  test('the one of several that is named', async () => {
    const path = at('units/two.conf')
    expect((await open(path, OLD, '--name=token')).stdout).toBe('sesame')
    expect((await open(path, OLD, '--name=db')).stdout).toBe('hunter2')
    for (const name of [[], ['--name='], ['--name=none']]) {
      const { code, stdout, stderr } = await open(path, OLD, ...name)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('which of its 2 credentials is meant?')
      expect(stderr).toContain('--name is one of: db, token')
    }
  })

  test('what systemd uses, where a later setting takes the place of an earlier one', async () => {
    const path = at('twice.conf')
    const again = await extsign(
      ['cred', 'encrypt', '--host-secret', OLD, '--name=db', '-p', '-', '-'],
      { input: new TextEncoder().encode('later') },
    )
    writeFileSync(path, `[Service]\n${await seal('db')}${again.stdout}`)
    expect((await open(path, OLD)).stdout).toBe('later')
    appendFileSync(path, 'SetCredentialEncrypted=\n')
    expect((await open(path, OLD)).stderr).toContain('later lines of the unit replace all')
  })

  test('no other name inside than the one in the unit', async () => {
    const path = at('renamed.conf')
    writeFileSync(path, (await seal('db')).replace('=db:', '=other:'))
    expect(await open(path, OLD)).toMatchObject({ code: 3, stdout: '' })
    expect((await open(path, OLD, '--name=db')).stdout).toBe('hunter2')
  })

  test('a name that depends on the unit only where it is said', async () => {
    const path = at('template@.service')
    writeFileSync(path, `[Service]\n${(await seal('db')).replace('=db:', '=%i:')}`)
    const { code, stderr } = await open(path, OLD)
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("the name '%i' depends on the unit"),
    ])
    expect((await open(path, OLD, '--name=db')).stdout).toBe('hunter2')
    appendFileSync(path, await seal('token'))
    expect((await open(path, OLD, '--name=db')).stdout).toBe('hunter2')
    expect((await open(path, OLD, '--name=token')).stdout).toBe('sesame')
  })
})

describe('inspect shows', () => {
  test('all of a unit', async () => {
    const { stdout } = await run('inspect', at('units/two.conf'))
    expect(stdout.match(/^.*: credential of type host/gm)).toHaveLength(2)
    expect(stdout).toMatch(/two\.conf line 7: credential.*unit name +db.*unit name +token/s)
    const { stdout: json } = await run('inspect', '--json', at('units/two.conf'))
    expect(JSON.parse(json)).toMatchObject([
      { line: 7, unitName: 'db', type: 'host' },
      { unitName: 'token', type: 'host' },
    ])
  })

  test('one as it always did', async () => {
    const { stdout } = await run('inspect', '--json', at('units/app.service'))
    expect(JSON.parse(stdout)).toMatchObject({ line: 7, unitName: 'db', needs: ['host-secret'] })
  })

  test('what systemd does not use', async () => {
    const path = at('unused.conf')
    const setting = await seal('db')
    writeFileSync(path, `[Unit]\n${setting}[Service]\n${setting}SetCredential=db:x\n`)
    const { stdout, stderr } = await run('inspect', path)
    expect(stdout).toMatch(/not used +line \d+ takes its place/)
    expect(stderr).toMatch(/warning: .* line 2: systemd ignores .* in \[Unit\]/)
  })
})

test('rekey seals what is in units, and leaves the rest of them as it was', async () => {
  const keys = ['--old-host-secret', OLD, '--host-secret', NEW]
  const { code, stdout, stderr } = await run('rekey', ...keys, at('units'), at('rekeyed'))
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `3 credentials sealed into ${at('rekeyed')}\n`,
    stderr: '',
  })
  for (const unit of ['app.service', 'two.conf']) {
    expect(around(at(`rekeyed/${unit}`))).toBe(around(at(`units/${unit}`)))
  }
  expect((await open(at('rekeyed/app.service'), NEW)).stdout).toBe('hunter2')
  expect((await open(at('rekeyed/two.conf'), NEW, '--name=token')).stdout).toBe('sesame')
  const again = await run('rekey', ...keys, '--json', at('units'), at('rekeyed-again'))
  expect(JSON.parse(again.stdout)).toMatchObject([
    { output: at('rekeyed-again/app.service'), line: 7, unitName: 'db', name: 'db', warnings: [] },
    { output: at('rekeyed-again/two.conf'), unitName: 'db' },
    { output: at('rekeyed-again/two.conf'), unitName: 'token' },
  ])
})

test('rekey makes nothing where one credential of a unit does not open', async () => {
  mkdirSync(at('mixed'))
  const other = await extsign(
    ['cred', 'encrypt', '--host-secret', NEW, '--name=other', '-p', '-', '-'],
    { input: new TextEncoder().encode('x') },
  )
  writeFileSync(at('mixed/app.conf'), `[Service]\n${await seal('db')}${other.stdout}`)
  const keys = ['--old-host-secret', OLD, '--host-secret', NEW]
  const { code, stderr } = await run('rekey', ...keys, at('mixed'), at('mixed-new'))
  expect(code).toBe(1)
  expect(stderr).toMatch(/mixed\/app\.conf: line \d+: the key does not fit/)
})

test('rotate replaces what is in units where it is', async () => {
  const plan = `[[credentials]]\nfiles = "units"\nold-host-secret = "old.secret"\nhost-secret = "new.secret"\n`
  writeFileSync(at('plan.toml'), plan)
  const before = ['app.service', 'two.conf'].map((unit) => around(at(`units/${unit}`)))
  expect(await extsign(['rotate', at('plan.toml')])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('2 steps done'),
  })
  expect(['app.service', 'two.conf'].map((unit) => around(at(`units/${unit}`)))).toEqual(before)
  expect(statSync(at('units/app.service')).mode & 0o777).toBe(0o644)
  expect((await open(at('units/app.service'), NEW)).stdout).toBe('hunter2')
  expect((await open(at('units/two.conf'), NEW, '--name=token')).stdout).toBe('sesame')
  const { stdout } = await extsign(['rotate', at('plan.toml'), '--check'])
  expect(stdout).toContain('nothing of 2 carries the old key')
})
