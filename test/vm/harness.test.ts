/** The ground on which the other tests of virtual machines stand. */

import { lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'
import {
  type BootOptions,
  bootGuest,
  bootGuests,
  GUESTS,
  type GuestRun,
  type GuestRuns,
} from './harness/index.ts'
import { GUEST_CHECKS, HARNESS_CHECKS } from './harness-checks.ts'

const FILES = {
  name: 'files',
  script: 'mkdir a; seq 100000 >a/numbers; ln -s a/numbers link; truncate -s 64M hole',
}
const CRASH = [
  { name: 'the step that crashes', script: 'echo c >/proc/sysrq-trigger; sleep 60' },
  { name: 'the step after it', script: '' },
]

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))('a guest', () => {
  const folder = temporaryFolder()
  const payload = join(folder, 'payload')
  let db: KeyFiles[]
  let runs: GuestRuns

  beforeAll(() => {
    db = [makeKey(folder, 'rsa2048'), makeKey(folder, 'p256')]
    mkdirSync(join(payload, 'folder'), { recursive: true })
    writeFileSync(join(payload, 'file'), 'content')
    output(tool('setfattr'), ['-n', 'user.note', '-v', 'kept', join(payload, 'file')])
    output(tool('chown'), ['1234:5678', join(payload, 'file')])
    output(tool('chmod'), ['4711', join(payload, 'file')])
    output(tool('chmod'), ['1777', join(payload, 'folder')])
    const steps = [...GUEST_CHECKS, ...HARNESS_CHECKS, FILES, ...CRASH]
    runs = bootGuests((guest) => ({ guest, name: 'harness', payload, db, steps }))
  })

  describe.each(GUESTS)('with %s', (_, guest) => {
    let run: GuestRun

    beforeAll(async () => {
      run = await runs(guest)
    })

    test.each([...GUEST_CHECKS, ...HARNESS_CHECKS])('$name', ({ name, expected }) => {
      expect(run.step(name), run.where).toMatchObject(expected(guest))
    })

    test('returns files', () => {
      const files = run.files(FILES.name)
      const numbers = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
      expect(readFileSync(join(files, 'link'), 'utf8') === numbers, run.where).toBe(true)
      expect(lstatSync(join(files, 'link')).isSymbolicLink(), run.where).toBe(true)
      expect(statSync(join(files, 'hole')), run.where).toMatchObject({
        size: 64 << 20,
        blocks: 0,
      })
    })

    test.each(CRASH)('has no result of $name', ({ name }) => {
      expect(() => run.step(name)).toThrow(`${guest}: no result of step ${name}: the guest ended`)
      expect(() => run.step(name)).toThrow(run.where)
    })

    test('leaves a console and a journal even so', () => {
      expect(readFileSync(run.console, 'utf8')).toContain('Kernel panic')
      expect(readFileSync(run.journal, 'utf8')).toContain('kernel: Linux version')
    })

    test('knows its steps by name', () => {
      expect(() => run.step('another')).toThrow('no step is called another')
    })
  })

  test('does not boot a UKI signed by a key outside of db', async () => {
    const signer = makeKey(folder, 'rsa2048', 'outside')
    const steps = [{ name: 'never', script: '' }]
    const options: BootOptions = {
      ...{ guest: 'trixie', name: 'harness-refused', payload, db, signer, steps },
    }
    const { message } = await bootGuest(options).then(
      () => new Error('it did'),
      (error: Error) => error,
    )
    expect(message).toContain(
      'trixie: no result of step never: the firmware refused to boot the UKI',
    )
    const [, console] = /^console: (.*)$/m.exec(message) ?? []
    expect(readFileSync(console!, 'utf8')).toContain('Access Denied')
    expect(message).toContain('Access Denied')
  })
})
