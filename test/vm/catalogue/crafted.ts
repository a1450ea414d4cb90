/**
 * Crafted images of which only a merge shows what systemd makes: those with another signature, hash
 * tree or file beside them. All are signed by a key the kernel knows.
 */

import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, resultOf } from '../../../src/images/read/attempt.ts'
import { GENERATIONS, type Generation } from '../../../src/images/read/reader-seal.ts'
import { type Verification, verifyImage } from '../../../src/images/verify.ts'
import { type LoadedCertificate, loadCertificate } from '../../../src/keys/certificate.ts'
import {
  CRAFTED_MARK,
  CRAFTED_MORE,
  type CraftedImage,
  craftImages,
  findContradictions,
  isLater,
  makeCraftedTrees,
} from '../../support/crafted-images.ts'
import type { GuestRun, Step } from '../harness/index.ts'
import { IMAGE_FOLDERS, SIGNED_ONLY } from './guest-steps.ts'
import { PAYLOAD, type Payload } from './payload.ts'

const FOLDER = 'crafted'
const KEY = 'platform-rsa2048'
/** What is merged must be signed, or at least have a hash tree. */
const POLICIES = [SIGNED_ONLY, 'root=verity+signed+absent:usr=verity+signed+absent'] as const
/**
 * Names of those that may be tried. What else is in the text that is signed can be no other for a merge
 * than it is for systemd-dissect.
 */
const TRIED =
  /^(sound|no signature|usr|two (hash trees|equal)|a second, (empty|newer)|(data|hash tree) by another|equal UUIDs|hash partition|damaged|JSON: (no fingerprint|two root|the root hash|the signature twice|a (root hash|name by|signature)|an empty|everything)|verity:|a usr tree|EROFS: (blocks|more blocks|many ext|a label)|(isw|lsi|via|nvidia|promise|hpt45x|jmicron)|.* beside an? )/

/**
 * A line for each: its number, how the merge ended, and how reading it did. As few programs are started
 * as can be: in an emulated machine each takes a tenth of what a merge does.
 */
export const CRAFTED_STEP: Step = {
  name: 'crafted images',
  timeout: 600,
  script: `
rm -rf ${IMAGE_FOLDERS.sysext}
for folder in ${PAYLOAD}/${FOLDER}/*; do
  ln -sfn $folder ${IMAGE_FOLDERS.sysext}
  read policy <$folder/policy
  said=$(timeout 30 systemd-sysext merge --no-reload --image-policy=$policy 2>&1)
  status=$?
  content=none
  if [ -e /${CRAFTED_MARK} ]; then
    cat /${CRAFTED_MARK} /${CRAFTED_MORE} >/dev/null 2>&1
    content=$?
    umount --lazy /usr
  fi
  echo "\${folder##*/} $status $content" $said
done
rm ${IMAGE_FOLDERS.sysext}
`,
}

export interface PlacedImage extends CraftedImage {
  readonly verification: Verification
}

/** Adds to a payload those of which systemd-dissect, which merges nothing, does not say it all. */
export async function addCrafted({ bench, folder }: Payload): Promise<readonly PlacedImage[]> {
  const trees = await makeCraftedTrees(bench.folder)
  const { privateKey, certificate } = bench.keys[KEY]
  const certificatePem = readFileSync(certificate, 'utf8')
  const keyPem = readFileSync(privateKey, 'utf8')
  const images = await craftImages(...trees, {
    key: createPrivateKey(keyPem),
    certificate: Buffer.from(certificatePem.replace(/-----[A-Z ]+-----/g, ''), 'base64'),
    certificatePem,
    keyPem,
  })
  const certificates = [await loadCertificate(certificate)]
  const placed: PlacedImage[] = []
  for (const crafted of images.filter(({ name }) => TRIED.test(name))) {
    const place = join(folder, FOLDER, String(placed.length).padStart(3, '0'))
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'c.raw'), crafted.image)
    for (const [name, bytes] of Object.entries(crafted.beside ?? {})) {
      writeFileSync(join(place, name), bytes)
    }
    const answer = await ask(join(place, 'c.raw'), certificates)
    if (answer) {
      writeFileSync(join(place, 'policy'), `${answer.policy}\n`)
      placed.push({ ...crafted, verification: answer.verification })
    } else rmSync(place, { recursive: true })
  }
  return placed
}

interface Answer {
  readonly policy: string
  readonly verification: Verification
}

/** What a merge alone shows under the first policy that admits the image; undefined where it shows nothing. */
async function ask(
  path: string,
  certificates: readonly LoadedCertificate[],
): Promise<Answer | undefined> {
  for (const policy of POLICIES) {
    const verification = await attempt(() =>
      verifyImage(path, {
        ...{ kind: 'sysext', imagePolicy: policy, threads: 0 },
        ...{ certificates, trust: { certificates: [], ignored: [] } },
      }),
    )
    const value = resultOf(verification)
    const answers = value?.readers.filter(({ reader }) => reader.startsWith('systemd')) ?? []
    const isShown = answers.some(
      ({ verdict, reason }) => verdict === 'accepts' || (verdict === 'refuses' && isLater(reason)),
    )
    if (value && isShown) return { policy, verification: value }
  }
  return undefined
}

export interface Merge {
  readonly accepts: boolean
  readonly said: string
}

/** What came of each, in their order. */
export function mergesOf(run: GuestRun): readonly Merge[] {
  return run
    .step(CRAFTED_STEP.name)
    .stdout.trimEnd()
    .split('\n')
    .map((line) => {
      const [, status, ...rest] = line.split(' ')
      return { accepts: status === '0' && rest[0] === '0', said: rest.join(' ') }
    })
}

/** The images with which the guests do not what was said of systemd, by their numbers in both. */
export function findWrong(
  images: readonly PlacedImage[],
  merges: Readonly<Record<Generation, readonly Merge[]>>,
): string[] {
  return images.flatMap(({ name, verification }, index) => {
    const answers = GENERATIONS.map((generation) => ({ generation, ...merges[generation][index]! }))
    return findContradictions(verification, answers).map((text) => `${name}: ${text}`)
  })
}
