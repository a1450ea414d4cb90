/** On a machine that has booted: firmware, kernel and systemd do with our images what `verify` said. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { verifyImage } from '../../src/images/verify.ts'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { ACCEPTED, EVERYTHING, OVER_4_MIB, UNDER_4_MIB } from './catalogue/accepted.ts'
import { contentFolder } from './catalogue/content-folder.ts'
import { addCrafted, findWrong, mergesOf, type PlacedImage } from './catalogue/crafted.ts'
import { describeFolder, linesOf } from './catalogue/describe-folder.ts'
import { HOST_STEPS } from './catalogue/host-steps.ts'
import { type ImageRecipe, KINDS, ofKind } from './catalogue/image.ts'
import { INSTALLED } from './catalogue/installed.ts'
import { DB, type KeyName, VERITY_D } from './catalogue/keys.ts'
import { calculatePcr11 } from './catalogue/measured-uki.ts'
import { addMergeCases, isCaseMerged, logOfCase, MERGE_CASES } from './catalogue/merge-cases.ts'
import { messageOf, verifyCase } from './catalogue/merge-messages.ts'
import { expectAsPredicted, mergedAfter, namesOf, observe } from './catalogue/observe.ts'
import { makePayload, type Payload } from './catalogue/payload.ts'
import { pcrsOf, READ_PCRS } from './catalogue/pcr-steps.ts'
import { predict } from './catalogue/predict.ts'
import { REFUSED, TOLERATED } from './catalogue/refused.ts'
import {
  addRepartTrees,
  isRepartImageMerged,
  REPART_IMAGES,
  repartImage,
} from './catalogue/repart-images.ts'
import { UNUSABLE } from './catalogue/unusable.ts'
import { bootGuests, GUESTS, type GuestRun, type GuestRuns, makeUki } from './harness/index.ts'
import { addHarnessFiles, HARNESS_STEPS, testHarness } from './harness-checks.ts'
import { sayWhere } from './say-where.ts'

const MIB = 1 << 20
const IMAGES = [...ACCEPTED, ...INSTALLED, ...REFUSED, ...UNUSABLE, ...TOLERATED]
const EVERYBODY: readonly KeyName[] = [...VERITY_D, 'platform-rsa2048']

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))(
  'on a machine that has booted',
  () => {
    const folder = temporaryFolder()
    const ukis = new Map<string, string>()
    let payload: Payload
    let runs: GuestRuns
    let crafted: readonly PlacedImage[]

    const predictFor = ({ fileName, kind }: ImageRecipe, verityD: readonly KeyName[] = []) =>
      predict(join(payload.folder, 'images', fileName), kind, payload.bench.keys, verityD)

    beforeAll(async () => {
      payload = await makePayload(folder, IMAGES)
      await addMergeCases(payload)
      addRepartTrees(payload)
      addHarnessFiles(payload.folder)
      crafted = await addCrafted(payload)
      const { folder: files, db } = payload
      runs = bootGuests((guest) => {
        mkdirSync(join(folder, guest))
        const uki = makeUki(guest, 'host', join(folder, guest))
        ukis.set(guest, uki)
        const steps = [...HARNESS_STEPS, ...HOST_STEPS]
        return { guest, name: 'host', payload: files, steps, db, uki }
      })
    })

    test('one image has at most 4 MiB, and another a sector more', () => {
      expect(payload.images.get(UNDER_4_MIB)?.size).toBeLessThanOrEqual(4 * MIB)
      expect(payload.images.get(OVER_4_MIB)?.size).toBe(4 * MIB + 512)
    })

    test('systemd does with crafted images what verify says of it', async () => {
      const merges = {
        'systemd 257': mergesOf(await runs('trixie')),
        'systemd 262': mergesOf(await runs('sid')),
      }
      expect(findWrong(crafted, merges)).toEqual([])
      expect(crafted.length).toBeGreaterThan(70)
    })

    describe.each(GUESTS)('%s', (_, guest) => {
      let run: GuestRun
      sayWhere(() => run)

      beforeAll(async () => {
        run = await runs(guest)
      })

      testHarness(guest, () => run)

      test('has our certificates of the UEFI db in the platform keyring', () => {
        const { stdout } = run.step('platform')
        expect(stdout).toContain('SecureBoot enabled')
        for (const name of DB) expect(stdout).toContain(`asymmetric: TEST-DO-NOT-USE ${name}:`)
      })

      test('has PCR 11 as calculated', () => {
        const [pcr11] = pcrsOf(run.step(READ_PCRS.name)).split('+')
        expect(pcr11).toBe(calculatePcr11(ukis.get(guest)!, 'sysinit:ready'))
      })

      describe('with nobody but the kernel to decide', () => {
        test.each(KINDS)('merges every %s that it should', (kind) => {
          const found = run.step(`kernel alone, all ${kind}s`)
          expect(found.status).toBe(0)
          expect(mergedAfter(found)).toEqual(namesOf(ofKind(ACCEPTED, kind)))
        })

        test.each(ACCEPTED)('does so as predicted: $name', async (image) => {
          const { kernel, systemd } = await predictFor(image)
          expect(kernel).toMatchObject({ verdict: 'accepts' })
          // We do not look into it, so we do not know.
          const isUnknown = image.name === 'wrapped-squashfs'
          expect(systemd).toMatchObject({ verdict: isUnknown ? 'unproven' : 'accepts' })
        })

        test.each(KINDS)('finds the content of every %s', (kind) => {
          expect(run.step(`checksums of ${kind}s`)).toEqual({ status: 0, stdout: '', stderr: '' })
        })

        test.each(EVERYTHING)('finds owners, modes, times, links, attributes: $name', (image) => {
          const source = join(image.tree(payload.bench), contentFolder(image.kind, image.name))
          const found = run.step(`describe ${image.name}`)
          expect(found).toMatchObject({ status: 0, stderr: '' })
          expect(linesOf(found.stdout)).toEqual(linesOf(describeFolder(source)))
        })

        test('finds every name of a file that has 65 000', () => {
          expect(run.step('count links').stdout).toBe('65000\n65000\n')
        })

        test('starts a service that came with an extension', () => {
          const { status, stdout } = run.step('start hello.service')
          expect(status).toBe(0)
          expect(stdout).toContain('Hello from ')
        })

        test.each(INSTALLED)('refuses what is only in verity.d: $name', async (image) => {
          const found = observe(run.step(`kernel alone, ${image.name}`))
          expect(found.systemd).toBe('refuses')
          expectAsPredicted(found, await predictFor(image), false)
        })
      })

      describe('with verity.d', () => {
        test.each(KINDS)('accepts every %s whose certificate is there', (kind) => {
          const images = ofKind(INSTALLED, kind)
          const found = run.step(`verity.d, ${kind}s`)
          expect(found.status).toBe(0)
          expect(mergedAfter(found)).toEqual(namesOf(images))
          const checks = [...found.stderr.matchAll(/Userspace PKCS#7 validation succeeded/g)]
          expect(checks.length).toBeGreaterThanOrEqual(images.length)
          const checksums = run.step(`checksums of ${kind}s by verity.d`)
          expect(checksums).toEqual({ status: 0, stdout: '', stderr: '' })
        })

        test.each(KINDS)('refuses every %s while it is empty', (kind) => {
          expect(run.step(`empty verity.d, ${kind}s`).status).toBe(1)
        })

        test.each(INSTALLED)('does so as predicted: $name', async (image) => {
          const { userspace, systemd } = await predictFor(image, VERITY_D)
          expect([userspace.verdict, systemd.verdict]).toEqual(['accepts', 'accepts'])
          const withNone = await predictFor(image)
          expect([withNone.userspace.verdict, withNone.systemd.verdict]).toEqual([
            'refuses',
            'refuses',
          ])
        })
      })

      describe('whoever is asked', () => {
        test.each(REFUSED)('refuses, as predicted: $name', async (image) => {
          const found = observe(run.step(`try ${image.name}`))
          expect(found).toMatchObject({
            merged: image.at === 'read',
            systemd: 'refuses',
          })
          expectAsPredicted(found, await predictFor(image, EVERYBODY), true)
        })

        test.each(REFUSED.filter(({ at }) => at === 'read'))('reads no damage: $name', (image) => {
          expect(run.step(`try ${image.name}`).stdout).toContain('Input/output error')
        })

        test.each(UNUSABLE)('has no use, as predicted, for $name', async (image) => {
          const found = observe(run.step(`try ${image.name}`))
          expect(found).toMatchObject({ merged: false, systemd: 'refuses' })
          expectAsPredicted(found, await predictFor(image, EVERYBODY), true)
        })

        test.each(TOLERATED)('accepts, as predicted: $name', async (image) => {
          const found = observe(run.step(`try ${image.name}`))
          expect(found.systemd).toBe('accepts')
          expectAsPredicted(found, await predictFor(image, EVERYBODY), true)
        })
      })

      test.each(MERGE_CASES)('decides as verify does, and for its reason: $name', async (entry) => {
        const verification = await verifyCase(payload, entry)
        expect(isCaseMerged(run, entry)).toBe(verification.merges)
        expect(logOfCase(run, entry)).toContainEqual(messageOf(verification))
      })

      test.each(REPART_IMAGES)('makes what we verify: $name', async (image) => {
        const { kind, key } = image
        const path = repartImage(run, image)
        const certificates = [await loadCertificate(payload.bench.keys[key].certificate)]
        const { kernel, systemd } = await predict(path, kind, payload.bench.keys)
        const { verdict } = await verifyImage(path, { kind, certificates, threads: 0 })
        expect(verdict).toBe(systemd.verdict === 'accepts' ? 'ok' : 'wrong')
        expect(kernel.verdict).toBe('accepts')
        expect(isRepartImageMerged(run, image)).toBe(systemd.verdict === 'accepts')
      })
    })
  },
)
