// @ts-check
/** Runs commands and reports what they cost; compares two in turns. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {object} Command
 * @property {string} command
 * @property {readonly string[]} args
 * @property {Readonly<Record<string, string>>} [env]
 * @property {() => void} [before] Untimed, before each run.
 */

/**
 * @typedef {object} Cost
 * @property {number} seconds Wall time of the whole process.
 * @property {number} cpu User and system time in seconds, children included.
 * @property {number} memory Largest resident set in bytes, of the process or any child.
 */

/** @typedef {Cost & { ratio: number, ours: Cost, peer: Cost }} Comparison */

/**
 * Runs a command once. Throws with what it said when it fails.
 * @param {Command} command
 * @param {string} folder For the report of time(1).
 * @returns {Cost}
 */
export function measure({ command, args, env, before }, folder) {
  before?.()
  const report = join(folder, 'time')
  const timed = ['-q', '-o', report, '-f', '%U %S %M', command, ...args]
  const start = process.hrtime.bigint()
  const { status, stdout, stderr, error } = spawnSync('/usr/bin/time', timed, {
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (error) throw error
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ended with ${status}\n${stdout}${stderr}`)
  }
  const [user, system, kib] = readFileSync(report, 'utf8').trim().split(' ').map(Number)
  return { seconds, cpu: (user ?? 0) + (system ?? 0), memory: (kib ?? 0) * 1024 }
}

/**
 * Runs both commands in turns, after a first run of each that does not count, so that what the
 * machine does besides hits both.
 * @param {Command} ours
 * @param {Command} peer
 * @param {number} rounds
 * @param {string} folder
 */
export function compare(ours, peer, rounds, folder) {
  measure(ours, folder)
  measure(peer, folder)
  const pairs = Array.from({ length: rounds }, () => ({
    ours: measure(ours, folder),
    peer: measure(peer, folder),
  }))
  return {
    ratio: median(pairs.map((pair) => pair.ours.seconds / pair.peer.seconds)),
    ours: medianCost(pairs.map((pair) => pair.ours)),
    peer: medianCost(pairs.map((pair) => pair.peer)),
  }
}

/**
 * @param {readonly Cost[]} costs
 * @returns {Cost}
 */
function medianCost(costs) {
  return {
    seconds: median(costs.map(({ seconds }) => seconds)),
    cpu: median(costs.map(({ cpu }) => cpu)),
    memory: median(costs.map(({ memory }) => memory)),
  }
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
