/** What `extsign verify` says about an image before anybody has tried it. */

import { FormatError } from '../../../src/errors.ts'
import type { ReaderVerdict } from '../../../src/images/checks/reader-verdict.ts'
import type { ExtensionKind } from '../../../src/images/options.ts'
import { type Verification, verifyImage } from '../../../src/images/verify.ts'
import type { VerifyOptions } from '../../../src/images/verify-options.ts'
import { loadCertificate } from '../../../src/keys/certificate.ts'
import { SIGNED_ONLY } from './guest-steps.ts'
import { DB, type KeyName, type Keys } from './keys.ts'

type Answer = Pick<ReaderVerdict, 'verdict' | 'reason'>

export interface Prediction {
  /** With the certificates of the db in the keyrings. */
  readonly kernel: Answer
  /** With the certificates given in verity.d. */
  readonly userspace: Answer
  /** With both, when everything has to be signed. */
  readonly systemd: Answer
}

/** @param verityD What is in verity.d; nothing where userspace has no say. */
export async function predict(
  path: string,
  kind: ExtensionKind,
  keys: Keys,
  verityD: readonly KeyName[] = [],
  target: VerifyOptions = {},
): Promise<Prediction> {
  const verify = async (db: readonly KeyName[], installed: readonly KeyName[]) => {
    const load = (names: readonly KeyName[]) =>
      Promise.all(names.map((name) => loadCertificate(keys[name].certificate)))
    const trust = { certificates: await load(installed), ignored: [] }
    const options = { kind, imagePolicy: SIGNED_ONLY, threads: 0, ...target }
    return verifyImage(path, { ...options, certificates: await load(db), trust })
  }
  try {
    const byKernel = await verify(DB, [])
    const byUserspace = await verify([], verityD)
    const verdicts = [byKernel, byUserspace].map((verification) =>
      answerOf(verification, 'systemd'),
    )
    return {
      kernel: answerOf(byKernel, 'kernel'),
      userspace: answerOf(byUserspace, 'userspace'),
      systemd: verdicts.find(({ verdict }) => verdict === 'accepts') ?? verdicts[0]!,
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const refusal = { verdict: 'refuses', reason: error.message } as const
    return { kernel: refusal, userspace: refusal, systemd: refusal }
  }
}

function answerOf({ readers }: Verification, name: ReaderVerdict['reader']): Answer {
  return readers.find(({ reader }) => reader === name)!
}
