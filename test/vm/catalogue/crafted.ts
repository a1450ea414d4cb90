/**
 * Crafted images of which only a merge shows what systemd makes: those with another signature, hash
 * tree or file beside them. All are signed by a key the kernel knows.
 */

import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CRAFTED_MARK,
  type CraftedImage,
  craftImages,
  makeCraftedTrees,
} from '../../support/crafted-images.ts'
import type { GuestRun, Step } from '../harness/index.ts'
import { IMAGE_FOLDERS, SIGNED_ONLY } from './guest-steps.ts'
import { PAYLOAD, type Payload } from './payload.ts'

const FOLDER = 'crafted'
const KEY = 'platform-rsa2048'
/** Names of those that are tried. */
const TRIED =
  /^(sound|no signature|usr|two (hash trees|equal)|a second, (empty|newer)|(data|hash tree) by another|equal UUIDs|hash partition|JSON: (no fingerprint|two root|the root hash|the signature twice|a (root hash|name|signature|pair|number|lone|noncharacter)|an (empty|escaped)|everything|1000|3000)|verity:|a usr tree|EROFS: (blocks|more blocks|many ext|a label)|(isw|lsi|via|nvidia|promise|hpt45x|jmicron)|.* beside an? )/

/** A line for each: its number, how the merge ended, and whether its content is there. */
export const CRAFTED_STEP: Step = {
  name: 'crafted images',
  timeout: 600,
  script: `
for folder in ${PAYLOAD}/${FOLDER}/*; do
  rm -rf ${IMAGE_FOLDERS.sysext}
  mkdir ${IMAGE_FOLDERS.sysext}
  ln -s $folder/* ${IMAGE_FOLDERS.sysext}/
  timeout 30 systemd-sysext merge --no-reload --image-policy=${SIGNED_ONLY} >log 2>&1
  status=$?
  echo "\${folder##*/} $status $(cat /${CRAFTED_MARK} 2>/dev/null) $(tail -1 log)"
  [ -e /${CRAFTED_MARK} ] && systemd-sysext unmerge --no-reload >/dev/null 2>&1
done
rm -rf ${IMAGE_FOLDERS.sysext}
`,
}

export interface PlacedImage extends CraftedImage {
  readonly path: string
}

/** Adds them to a payload. */
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
  return (
    images
      .filter(({ name }) => TRIED.test(name))
      // An empty hash tree beside an image is an error of verify, not an answer.
      .filter(({ beside }) => beside?.['c.verity']?.length !== 0)
      .map((crafted, index) => {
        const place = join(folder, FOLDER, String(index).padStart(3, '0'))
        mkdirSync(place, { recursive: true })
        const path = join(place, 'c.raw')
        writeFileSync(path, crafted.image)
        for (const [name, bytes] of Object.entries(crafted.beside ?? {})) {
          writeFileSync(join(place, name), bytes)
        }
        return { ...crafted, path }
      })
  )
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
      return { accepts: status === '0' && rest[0] === 'here', said: rest.join(' ') }
    })
}
