/**
 * TPM_RC: what a TPM says when it does not do what it was told, in words.
 *
 * See TPM 2.0 Library part 2 §6.6: format one has bit 7 set and says of which handle, session or
 * parameter it speaks; others are errors of the TPM as a whole, and warnings.
 */

/** Codes that decide what happens next. Of format one, without the place. */
export const ResponseCode = {
  success: 0x000,
  initialize: 0x100,
  pcrChanged: 0x128,
  yielded: 0x908,
  testing: 0x90a,
  lockout: 0x921,
  retry: 0x922,
  curve: 0x0a6,
  value: 0x084,
  type: 0x08a,
  handle: 0x08b,
  authFail: 0x08e,
  badAuth: 0x0a2,
  size: 0x095,
  policyFail: 0x09d,
  integrity: 0x09f,
  signature: 0x09b,
} as const

/** What a response code says. */
export interface Refusal {
  /** The code as it came. */
  readonly code: number
  /** The code without the place, to be compared with {@link ResponseCode}. */
  readonly kind: number
  /** `parameter 1`, `handle 2`, `session 1`. */
  readonly place: string | undefined
  /** A sentence without a subject: `is in dictionary attack lockout`. */
  readonly sentence: string
}

const FORMAT_ONE = 0x80
const PARAMETER = 0x40
const WARNING_AND_SESSION = 0x800

/** Of errors and warnings that concern the whole TPM. */
const SENTENCES: ReadonlyMap<number, string> = new Map([
  [0x100, 'was not started up'],
  [0x101, 'has failed its self test and does nothing any more'],
  [0x120, 'has this command switched off'],
  [0x124, 'takes no authorization of this kind here'],
  [0x125, 'wants a password or a session with this command'],
  [0x128, 'has seen PCRs change since they were looked at'],
  [0x12d, 'is in the middle of a firmware upgrade'],
  [0x12f, 'has no authorization of this kind for the object'],
  [0x130, 'has to be restarted first'],
  [0x142, 'takes no command of this size'],
  [0x143, 'does not know this command'],
  [0x144, 'takes no sessions of this size'],
  [0x14b, 'has no room left for objects that persist'],
  [0x14c, 'has something at this place already'],
  [0x901, 'has had too many sessions since the oldest one'],
  [0x902, 'has no room left for objects'],
  [0x903, 'has no room left for sessions'],
  [0x904, 'has no memory left'],
  [0x905, 'has no room left for session handles'],
  [0x906, 'has no room left for object handles'],
  [0x908, 'was interrupted'],
  [0x90a, 'is still testing itself'],
  [0x910, 'does not know this object'],
  [0x911, 'does not know this second object'],
  [0x918, 'does not know this session'],
  [0x919, 'does not know this second session'],
  [0x920, 'writes too often and wants to rest'],
  [0x921, 'is in dictionary attack lockout'],
  [0x922, 'is busy'],
  [0x923, 'cannot write to its memory now'],
])

/** Of format one: about one handle, session or parameter. */
const SENTENCES_WITH_PLACE: ReadonlyMap<number, string> = new Map([
  [0x081, 'does not know an algorithm'],
  [0x082, 'refuses the attributes'],
  [0x083, 'does not know the hash'],
  [0x084, 'refuses a value'],
  [0x085, 'has this hierarchy switched off'],
  [0x087, 'does not take keys of this size'],
  [0x089, 'does not know the mode'],
  [0x08a, 'does not know this type of object, or has no room for it here'],
  [0x08b, 'has nothing at this handle'],
  [0x08c, 'does not know the key derivation'],
  [0x08d, 'refuses a number out of its range'],
  [0x08e, 'did not take the authorization, and counts failures'],
  [0x08f, 'refuses a nonce'],
  [0x090, 'wants physical presence'],
  [0x092, 'does not know the scheme'],
  [0x095, 'refuses a size'],
  [0x096, 'does not know the symmetric cipher'],
  [0x097, 'does not know the tag'],
  [0x098, 'does not know the selector'],
  [0x09a, 'got a command that is too short'],
  [0x09b, 'says that the signature does not verify'],
  [0x09c, 'takes no key of this kind'],
  [0x09d, 'says that the policy is not fulfilled'],
  [0x09f, 'says that the integrity check failed'],
  [0x0a0, 'refuses a ticket'],
  [0x0a1, 'refuses reserved bits'],
  [0x0a2, 'did not take the authorization'],
  [0x0a3, 'says that this has expired'],
  [0x0a4, 'has a policy for another command'],
  [0x0a5, 'says that public and private part do not belong together'],
  [0x0a6, 'does not know the curve'],
  [0x0a7, 'refuses a point that is not on the curve'],
])

/** Reads a response code other than success. */
export function describeResponseCode(code: number): Refusal {
  if ((code & FORMAT_ONE) === 0) {
    const sentence = SENTENCES.get(code) ?? `answers with code ${hex(code)}`
    return { code, kind: code, place: undefined, sentence }
  }
  const kind = code & 0xbf
  const place = placeOf(code)
  const fact = SENTENCES_WITH_PLACE.get(kind) ?? `answers with code ${hex(code)}`
  return { code, kind, place, sentence: place === undefined ? fact : `${fact} (${place})` }
}

/** Parameters are numbered in bits 8 to 11, handles and sessions in 8 to 10. */
function placeOf(code: number): string | undefined {
  const parameter = (code >> 8) & 0xf
  const other = parameter & 0x7
  if ((code & PARAMETER) !== 0) return parameter === 0 ? undefined : `parameter ${parameter}`
  if (other === 0) return undefined
  return (code & WARNING_AND_SESSION) === 0 ? `handle ${other}` : `session ${other}`
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(3, '0')}`
}
