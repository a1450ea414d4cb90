/**
 * Order of versions, as systemd ranks images and `systemd-analyze compare-versions` shows.
 *
 * See https://uapi-group.org/specifications/specs/version_format_specification/ (UAPI.10). Where
 * that text and systemd differ (a number against no number at all, `0` and `a`), this is systemd.
 */

/** Separators that rank the side which has them lower, in the order they are looked at. */
const SEPARATORS = ['-', '^', '.'] as const

/** Whether `version` has only characters that count in a comparison. */
export function isVersion(version: string): boolean {
  return /^[A-Za-z0-9.~^-]+$/.test(version)
}

/** Negative where `a` is older than `b`, positive where it is newer, 0 where they rank the same. */
export function compareVersions(a: string, b: string): number {
  let left = a
  let right = b
  for (;;) {
    left = left.replace(/^[^A-Za-z0-9.~^-]+/, '')
    right = right.replace(/^[^A-Za-z0-9.~^-]+/, '')
    // Only a tilde makes a longer version older, so it comes before the end of the text.
    const tilde = compareMarks(left, right, '~')
    if (tilde.order !== 0) return tilde.order
    left = tilde.left
    right = tilde.right
    if (left === '' || right === '') return Math.sign(left.length - right.length)
    for (const separator of SEPARATORS) {
      const mark = compareMarks(left, right, separator)
      if (mark.order !== 0) return mark.order
      left = mark.left
      right = mark.right
    }
    const numeric = /^[0-9]/.test(left) || /^[0-9]/.test(right)
    const run = numeric ? /^[0-9]*/ : /^[A-Za-z]*/
    const leftRun = run.exec(left)![0]
    const rightRun = run.exec(right)![0]
    const order = numeric ? compareNumbers(leftRun, rightRun) : compareText(leftRun, rightRun)
    if (order !== 0) return order
    left = left.slice(leftRun.length)
    right = right.slice(rightRun.length)
  }
}

/** The side that starts with `mark` is the older one; where both do, it is dropped. */
function compareMarks(left: string, right: string, mark: string) {
  const marked = Number(right.startsWith(mark)) - Number(left.startsWith(mark))
  const both = left.startsWith(mark) && right.startsWith(mark)
  return { order: marked, left: both ? left.slice(1) : left, right: both ? right.slice(1) : right }
}

/** Runs of digits of any length, compared as numbers; none at all ranks below any number. */
function compareNumbers(left: string, right: string): number {
  if (left === '' || right === '') return Math.sign(left.length - right.length)
  const leftDigits = left.replace(/^0+/, '')
  const rightDigits = right.replace(/^0+/, '')
  return Math.sign(leftDigits.length - rightDigits.length) || compareText(leftDigits, rightDigits)
}

/** ASCII order, where a text that continues another is the greater one. */
function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
