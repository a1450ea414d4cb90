/** The rule by which `extsign verify` decides a merge, and what systemd's log says of that rule. */

import { expect } from 'vitest'
import type { AcceptingRule, RejectingRule } from '../../../src/formats/release/match.ts'
import { verifyImage } from '../../../src/images/verify.ts'
import { loadCertificate } from '../../../src/keys/certificate.ts'
import { caseImage, type DecidedCase } from './merge-cases.ts'
import type { Payload } from './payload.ts'

export interface DecidedRule {
  readonly merges: boolean
  readonly rule: string
  /** What the extension has where the host has something else. */
  readonly found: string | undefined
}

type Message = (found: string) => string

/**
 * The part of systemd's message that tells one rule from another, the same in both generations.
 * Where versions agree or need not, it does not say which of the rules it was.
 */
const ACCEPTED: Readonly<Record<AcceptingRule, string>> = {
  'any-id': "matches '_any' OS",
  'host-without-version': 'No version info on the host',
  level: 'matches host',
  'version-id': 'matches host',
  'extension-without-level': 'matches host',
}

/** Another OS and another version have one message, with the two values in it. */
const REJECTED: Readonly<Record<RejectingRule, Message>> = {
  empty: () => 'carries no release data',
  scope: () => 'is not suitable for scope',
  architecture: (found) => `is for architecture '${found}'`,
  'id-missing': () => 'does not contain ID ',
  id: (found) => `is for OS '${found}'`,
  level: (found) => `is for API level '${found}'`,
  'version-id': (found) =>
    found === 'nothing' ? 'does not contain VERSION_ID' : `is for OS '${found}'`,
}

/** What `extsign verify --os-release` says about the image of a case. */
export async function verifyCase(payload: Payload, entry: DecidedCase): Promise<DecidedRule> {
  const { kind, scope, host } = entry
  const { findings, readers } = await verifyImage(caseImage(payload, entry), {
    kind,
    scope,
    architecture: 'x86-64',
    osRelease: { path: 'os-release', text: host },
    certificates: [await loadCertificate(payload.db[0]!.certificate)],
    threads: 0,
  })
  const finding = findings.find(({ check }) => check === 'merge')
  const text = (finding?.ok ? finding.note : finding?.found) ?? ''
  const [, rule = ''] = /\(rule ([a-z-]+)\)$/.exec(text) ?? []
  const found = /^\S+ (.*?): /.exec(text)?.[1]
  const systemd = readers.find(({ reader }) => reader === 'systemd')
  return { merges: systemd?.verdict === 'accepts', rule, found }
}

/** A line of systemd's log that says the same. */
export function messageOf({ merges, rule, found = '' }: DecidedRule): unknown {
  const message = merges ? ACCEPTED[rule as AcceptingRule] : REJECTED[rule as RejectingRule](found)
  return expect.stringContaining(message)
}
