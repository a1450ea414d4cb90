/**
 * The second profile of a UKI, started by systemd-boot: of a firmware that enrolled the
 * keys itself, and with policies and a credential that have changed keys. It ends with a crash.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { makeKey } from '../support/keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { PLATFORM } from './catalogue/guest-steps.ts'
import { type MeasuredBoot, prepareBoot } from './catalogue/measured-boot.ts'
import {
  bootGuests,
  enrolInSetupMode,
  GUESTS,
  type GuestRun,
  type GuestRuns,
  makeUpdates,
  VARIABLES,
} from './harness/index.ts'
import { CRASH, testCrash } from './harness-checks.ts'
import { measuredSteps, testMeasured } from './measured-checks.ts'
import { sayWhere } from './say-where.ts'

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))('a profile', () => {
  const folder = temporaryFolder()
  const boots = new Map<string, MeasuredBoot>()
  const enrolled = new Map<string, ReadonlyMap<string, string>>()
  const updates = join(folder, 'updates')
  let runs: GuestRuns

  beforeAll(() => {
    const [pk, kek, ...db] = ['PK', 'KEK', 'db'].map((name) => makeKey(folder, 'rsa2048', name))
    makeUpdates({ pk: pk!, kek: kek!, db }, updates)
    runs = bootGuests(async (guest) => {
      const own = join(folder, guest)
      const enrolment = enrolInSetupMode(guest, updates, join(folder, `${guest}-firmware`))
      const places = { folder: own, payload: join(own, 'payload') }
      const plan = { guest, ...places, db, profile: 'second', rotated: true } as const
      const boot = await prepareBoot(plan)
      boots.set(guest, boot)
      const { console, variables, values } = await enrolment
      expect(console).toContain('Custom Secure Boot keys successfully enrolled')
      enrolled.set(guest, values)
      const { first, last } = measuredSteps(boot)
      const steps = [...first, ...last, PLATFORM, ...CRASH]
      return { ...boot.options, name: 'profile', environment: 'initrd', variables, steps }
    })
  })

  describe.each(GUESTS)('%s', (_, guest) => {
    let run: GuestRun
    sayWhere(() => run)

    beforeAll(async () => {
      run = await runs(guest)
    })

    testMeasured(() => ({ run, boot: boots.get(guest)! }))

    test.each(VARIABLES)('is started by firmware that enrolled %s and nothing else', (variable) => {
      const list = readFileSync(join(updates, `${variable}.esl`))
      expect(enrolled.get(guest)?.get(variable)).toBe(toHex(list))
    })

    test('is started by firmware that trusts our key alone, and so does its kernel', () => {
      const { stdout } = run.step(PLATFORM.name)
      expect(stdout).toContain('SecureBoot enabled')
      const certificates = [...stdout.matchAll(/asymmetric: (.*):/g)].map(([, name]) => name)
      expect(certificates).toEqual(['TEST-DO-NOT-USE db'])
    })

    test('is the one that was chosen', () => {
      expect(run.step('command line').stdout).toContain(' vmtest.profile=second ')
    })

    testCrash(guest, () => run)
  })
})
