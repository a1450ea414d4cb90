/** The second profile of a UKI, started by systemd-boot. */

import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { makeKey } from '../support/keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { type MeasuredBoot, prepareBoot } from './catalogue/measured-boot.ts'
import { bootGuests, GUESTS, type GuestRun, type GuestRuns } from './harness/index.ts'
import { measuredSteps, testMeasured } from './measured-checks.ts'

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))('a profile', () => {
  const folder = temporaryFolder()
  const boots = new Map<string, MeasuredBoot>()
  let runs: GuestRuns

  beforeAll(() => {
    const db = [makeKey(folder, 'rsa2048', 'db')]
    runs = bootGuests(async (guest) => {
      const own = join(folder, guest)
      const places = { folder: own, payload: join(own, 'payload') }
      const boot = await prepareBoot({ guest, ...places, db, profile: 'second' })
      boots.set(guest, boot)
      const { first, last } = measuredSteps(boot)
      const steps = [...first, ...last]
      return { ...boot.options, name: 'profile', environment: 'initrd', steps }
    })
  })

  describe.each(GUESTS)('%s', (_, guest) => {
    let run: GuestRun

    beforeAll(async () => {
      run = await runs(guest)
    })

    testMeasured(() => ({ run, boot: boots.get(guest)! }))

    test('is the one that was chosen', () => {
      expect(run.step('command line').stdout).toContain(' vmtest.profile=second ')
    })
  })
})
