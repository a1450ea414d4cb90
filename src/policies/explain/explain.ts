/**
 * Why a machine is not in the state that a policy, a credential or a prediction wants: what it has,
 * what was expected, and which measurement was the first to differ.
 */

import { decodeUtf8 } from '../../bytes/utf8.ts'
import { PolicyError } from '../../errors.ts'
import { parseCredentialText } from '../../formats/credential/text.ts'
import { parseJson } from '../../formats/json.ts'
import { type PcrSignatures, parsePcrSignatures } from '../../formats/pcr-signature.ts'
import { compareCredential, comparePolicies } from './compare-policy.ts'
import { comparePrediction } from './compare-prediction.ts'
import type { Explanation } from './comparison.ts'
import type { Observation } from './observation.ts'
import {
  isSavedPrediction,
  parseSavedPrediction,
  type SavedPrediction,
} from './saved-prediction.ts'

/** What a machine is held against. */
export type Expectation =
  | { readonly kind: 'prediction'; readonly prediction: SavedPrediction }
  | { readonly kind: 'policy'; readonly signatures: PcrSignatures }
  | { readonly kind: 'credential'; readonly credential: Uint8Array }

export interface ExplainOptions {
  /** Names the event that differs where the expectation is only a digest. */
  readonly prediction?: SavedPrediction | undefined
  /** Signed policies, for a credential that needs one. */
  readonly signatures?: PcrSignatures | undefined
}

/**
 * Reads a saved prediction, the JSON of policies, or an encrypted credential.
 *
 * @throws FormatError where it is none of them.
 */
export function parseExpectation(bytes: Uint8Array): Expectation {
  const object = tryObject(bytes)
  if (object === undefined) {
    return { kind: 'credential', credential: parseCredentialText(bytes).bytes }
  }
  if (isSavedPrediction(object)) {
    return { kind: 'prediction', prediction: parseSavedPrediction(object) }
  }
  return { kind: 'policy', signatures: parsePcrSignatures(bytes) }
}

/**
 * Holds a machine against an expectation.
 *
 * @throws PolicyError NO_MATCH where nothing is known of the PCRs in question; FormatError.
 */
export function explainPcrs(
  expectation: Expectation,
  observation: Observation,
  { prediction, signatures }: ExplainOptions = {},
): Explanation {
  const { dump, logs } = observation
  if (dump.size === 0 && !logs.some(({ log }) => log.kind === 'firmware')) {
    throw new PolicyError('INPUT_NEEDED', 'nothing is known of the machine', {
      hint: 'give its PCRs with --dump, or the log of its firmware with --event-log',
    })
  }
  if (expectation.kind === 'prediction') {
    return comparePrediction(expectation.prediction, observation)
  }
  const comparisons =
    expectation.kind === 'policy'
      ? comparePolicies(expectation.signatures, observation)
      : compareCredential(expectation.credential, observation, signatures)
  const ok = comparisons.every((each) => each.ok)
  if (ok || prediction === undefined) {
    return { ok, comparisons, unknown: [], phase: undefined, differences: [] }
  }
  const predicted = comparePrediction(prediction, observation)
  return { ...predicted, ok, comparisons: [...comparisons, ...predicted.comparisons] }
}

function tryObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const text = decodeUtf8(bytes)
  if (text === undefined || !/^\s*\{/.test(text)) return undefined
  try {
    return Object(parseJson(text, (fault) => new SyntaxError(fault)))
  } catch {
    // The parser of policies says what is wrong with it.
    return {}
  }
}
