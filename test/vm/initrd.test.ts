/**
 * In an initrd: what systemd-stub delivers from the EFI system partition is measured as predicted,
 * merged as `verify` said, and opens what was sealed for it.
 */

import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_POLICIES } from '../../src/formats/image-policy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import {
  BESIDE_UKI,
  espFiles,
  FOR_EVERY_UKI,
  INITRD_STEPS,
  NOT_BY_US,
  NOT_FOR_INITRD,
} from './catalogue/delivered.ts'
import { type ImageRecipe, KINDS, ofKind } from './catalogue/image.ts'
import { type MeasuredBoot, prepareBoot } from './catalogue/measured-boot.ts'
import { expectAsPredicted, mergedAfter, namesOf, observe } from './catalogue/observe.ts'
import { makePayload, type Payload } from './catalogue/payload.ts'
import { predict } from './catalogue/predict.ts'
import { credentials, loadAll } from './catalogue/sealed-steps.ts'
import { GUEST_CHECKS, testChecks } from './guest-checks.ts'
import { bootGuests, GUESTS, type GuestRun, type GuestRuns } from './harness/index.ts'
import { expectLoaded, measuredSteps, testMeasured } from './measured-checks.ts'
import { sayWhere } from './say-where.ts'

/** The stub of 257 does not look into loader/extensions. */
const BROUGHT = {
  trixie: BESIDE_UKI,
  sid: [...BESIDE_UKI, ...FOR_EVERY_UKI],
} as const

const LOAD_DELIVERED = 'load what was delivered'
const LOAD_FILES = 'load from files'
/** What is not on the EFI system partition, and so in files alone. */
const notDelivered = ({ sealed, delivered }: MeasuredBoot) =>
  sealed.filter((each) => !delivered.includes(each))

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))('in an initrd', () => {
  const folder = temporaryFolder()
  const boots = new Map<string, MeasuredBoot>()
  let payload: Payload
  let runs: GuestRuns

  beforeAll(async () => {
    const images = [...BESIDE_UKI, NOT_FOR_INITRD, ...FOR_EVERY_UKI, ...NOT_BY_US]
    payload = await makePayload(folder, images)
    runs = bootGuests(async (guest) => {
      const { folder: files, db } = payload
      const places = { folder: join(folder, guest), payload: files }
      const esp = espFiles(payload)
      const boot = await prepareBoot({ guest, ...places, db, esp, profile: 'main' })
      boots.set(guest, boot)
      const { first, last } = measuredSteps(boot)
      const load = [
        loadAll(LOAD_DELIVERED, boot.delivered),
        loadAll(LOAD_FILES, notDelivered(boot), credentials(guest)),
      ]
      const steps = [...first, ...load, ...GUEST_CHECKS, ...INITRD_STEPS, ...last]
      return { ...boot.options, name: 'initrd', environment: 'initrd', steps }
    })
  })

  describe.each(GUESTS)('%s', (_, guest) => {
    let run: GuestRun
    sayWhere(() => run)

    /** What is said of an image for this initrd, and under the policy of what was delivered. */
    const predictFor = ({ fileName, kind }: ImageRecipe) =>
      predict(join(payload.folder, 'images', fileName), kind, payload.bench.keys, [], {
        imagePolicy: DEFAULT_POLICIES[`${kind}-strict`],
        scope: 'initrd',
        osRelease: { path: 'initrd-release', text: run.step('release').stdout },
      })

    beforeAll(async () => {
      run = await runs(guest)
    })

    testChecks(GUEST_CHECKS, guest, () => run)

    describe('where the boot is measured', () => {
      testMeasured(() => ({ run, boot: boots.get(guest)! }))

      test('gives units what lies beside its UKI, and beside none, and nothing else of it', () => {
        expectLoaded(run, LOAD_DELIVERED, boots.get(guest)!.delivered)
      })

      test('gives them from files what was sealed to it and nothing else', () => {
        expectLoaded(run, LOAD_FILES, notDelivered(boots.get(guest)!))
      })
    })

    test('finds what lies beside its UKI, and since 258 what lies beside none', () => {
      const files = (folder: string, images: readonly ImageRecipe[]) =>
        images.map(({ kind, fileName }) => `/.extra/${folder}${kind}/${fileName}`)
      const global = guest === 'sid' ? files('global_', FOR_EVERY_UKI) : []
      const found = run.step('delivered').stdout.trim().split('\n')
      expect(found.sort()).toEqual(
        [...files('', [...BESIDE_UKI, NOT_FOR_INITRD]), ...global].sort(),
      )
    })

    test.each(KINDS)('merges every %s that is for an initrd', (kind) => {
      expect(run.step('services').status).toBe(0)
      expect(mergedAfter(run.step(`merged ${kind}s`))).toEqual(
        namesOf(ofKind<ImageRecipe>(BROUGHT[guest], kind)),
      )
    })

    test('finds their content', () => {
      const steps = guest === 'sid' ? ['beside the UKI', 'for every UKI'] : ['beside the UKI']
      for (const name of steps) {
        const checksums = run.step(`checksums ${name}`)
        expect(checksums).toEqual({ status: 0, stdout: '', stderr: '' })
      }
    })

    test.each([...BESIDE_UKI, ...FOR_EVERY_UKI])('does so as predicted: $name', async (image) => {
      expect((await predictFor(image)).systemd).toMatchObject({ verdict: 'accepts' })
    })

    test('leaves out what is not for an initrd, as predicted', async () => {
      expect(await predictFor(NOT_FOR_INITRD)).toMatchObject({
        kernel: { verdict: 'accepts' },
        systemd: { verdict: 'refuses', reason: expect.stringContaining('left out') },
      })
    })

    test.each(NOT_BY_US)('refuses by its own policy, as predicted: $name', async (image) => {
      expect(run.step(`try ${image.name}`).status).toBe(1)
      // Without certificates in verity.d there is nothing userspace could check with.
      expectAsPredicted(observe(run.step(`try ${image.name}`)), await predictFor(image), false)
    })
  })
})
