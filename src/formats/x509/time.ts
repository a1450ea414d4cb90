/** Times in certificates: UTCTime up to 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */

import type { Element } from './der.ts'
import { bad } from './der-values.ts'

/** The first moment that does not fit UTCTime. */
export const GENERALIZED_TIME_FROM = Date.UTC(2050, 0, 1)

/** Reads a Time: seconds are present and the zone is `Z`, as the certificate profile demands. */
export function readTime(element: Element, what: string): Date {
  const text = String.fromCharCode(...element.content.subarray(0, 32))
  const pattern =
    element.tag === 0x17
      ? /^(?<year>\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
      : element.tag === 0x18
        ? /^(?<year>\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
        : undefined
  const match = element.content.length <= 32 ? pattern?.exec(text) : undefined
  if (!match) throw bad(element, `${what} is not a time`)
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const fullYear = element.tag === 0x18 ? year : year < 50 ? 2000 + year : 1900 + year
  const date = new Date(0)
  date.setUTCFullYear(fullYear, month - 1, day)
  date.setUTCHours(hour, minute, second)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23) {
    throw bad(element, `${what} is not a date`)
  }
  if (minute > 59 || second > 59) throw bad(element, `${what} is not a time of day`)
  return date
}
