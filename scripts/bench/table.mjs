// @ts-check
/** The results as a table that can be read as text and as Markdown. */

/** @typedef {import('./measure.mjs').Cost} Cost */

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {number | undefined} target
 * @property {number} ratio
 * @property {Cost} ours
 * @property {Cost} peer
 * @property {readonly [ours: number, peer: number] | undefined} sizes
 */

const HEAD = ['', 'ours', 'peer', 'ratio', 'target', 'CPU', 'memory', 'size']

/** @param {readonly Row[]} rows */
export function formatTable(rows) {
  const cells = [HEAD, ...rows.map(formatRow)]
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const line = (/** @type {readonly string[]} */ row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(HEAD), rule, ...rows.map((row) => line(formatRow(row)))].join('\n')
}

/** @param {Row} row */
function formatRow({ name, target, ratio, ours, peer, sizes }) {
  return [
    name,
    seconds(ours.seconds),
    seconds(peer.seconds),
    `${ratio.toFixed(ratio < 0.1 ? 3 : 2)}${target && ratio > target ? ' (!)' : ''}`,
    target === undefined ? '' : `≤ ${target}`,
    `${seconds(ours.cpu)} : ${seconds(peer.cpu)}`,
    `${mebibytes(ours.memory)} : ${mebibytes(peer.memory)} MiB`,
    sizes ? `${mebibytes(sizes[0])} : ${mebibytes(sizes[1])} MiB` : '',
  ]
}

/** @param {number} value */
const seconds = (value) => `${value.toFixed(value < 0.1 ? 3 : 2)} s`

/** @param {number} bytes */
const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 1 : 0)
