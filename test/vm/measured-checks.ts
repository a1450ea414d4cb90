/** What an initrd has to make of a boot that was predicted, and of what is sealed to it. */

import { expect, test } from 'vitest'
import type { MeasuredBoot } from './catalogue/measured-boot.ts'
import { LATER_PHASES, LEAVE_INITRD, pcrsOf, READ_PCRS } from './catalogue/pcr-steps.ts'
import type { Opens, Sealed } from './catalogue/sealed.ts'
import {
  openAll,
  openedBy,
  prepareSealed,
  secretsOf,
  statusesOf,
} from './catalogue/sealed-steps.ts'
import type { GuestRun, Step } from './harness/index.ts'

const IN_THE_INITRD: readonly Opens[] = ['always', 'in the initrd']

/** The steps: nothing that measures may come before them, nor anything after that needs an initrd. */
export function measuredSteps({ options, sealed }: MeasuredBoot): {
  readonly first: readonly Step[]
  readonly last: readonly Step[]
} {
  const { guest } = options
  return {
    first: [
      READ_PCRS,
      { name: 'command line', script: 'cat /proc/cmdline' },
      ...prepareSealed(guest),
      openAll('open', guest, sealed),
    ],
    last: [
      LEAVE_INITRD,
      // What has never opened is not tried again.
      openAll(
        'open later',
        guest,
        sealed.filter(({ opens }) => opens !== 'never'),
      ),
      ...LATER_PHASES,
    ],
  }
}

/** The tests, of what `measuredSteps` did. */
export function testMeasured(
  prepared: () => { readonly boot: MeasuredBoot; readonly run: GuestRun },
) {
  test('has PCRs 11, 12 and 13 as predicted', () => {
    const { boot, run } = prepared()
    expect(pcrsOf(run.step(READ_PCRS.name))).toBe(boot.pcrs)
  })

  test('has the options of both addons', () => {
    const { run } = prepared()
    expect(run.step('command line').stdout).toMatch(/ vmtest\.addon=global vmtest\.addon=own\n$/)
  })

  test('has the storage root key that its TPM was asked for before', () => {
    const { run } = prepared()
    expect(run.step('storage root key')).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('opens what was sealed to it and nothing else', () => {
    const { boot, run } = prepared()
    expect(openedBy(run, 'open')).toEqual(secretsOf(boot.sealed, IN_THE_INITRD))
  })

  test('opens nothing that was sealed to the initrd once it is left', () => {
    const { boot, run } = prepared()
    expect(openedBy(run, 'open later')).toEqual(secretsOf(boot.sealed, ['always']))
  })

  test('has PCR 11 as calculated in every phase', () => {
    const { boot, run } = prepared()
    const phases = ['enter-initrd', 'leave-initrd', 'sysinit', 'ready']
    const steps = [READ_PCRS, LEAVE_INITRD, ...LATER_PHASES]
    const found = steps.map(({ name }) => pcrsOf(run.step(name)).split('+')[0])
    const paths = phases.map((_, index) => phases.slice(0, index + 1).join(':'))
    expect(found).toEqual(paths.map(boot.pcr11))
  })
}

/** Units of a step of `loadAll` got what opens in an initrd; those that ask for anything else failed. */
export function expectLoaded(run: GuestRun, step: string, sealed: readonly Sealed[]): void {
  expect(openedBy(run, step)).toEqual(secretsOf(sealed, IN_THE_INITRD))
  // 243 is the status of a unit that did not get its credentials, systemd.exec(5).
  const statuses = sealed.map(({ opens }) => (IN_THE_INITRD.includes(opens) ? 0 : 243))
  expect(statusesOf(run, step)).toEqual(statuses)
}
