// @ts-check
/** npm itself, the one that started us where there is one. */

import { run, runVisibly } from './run.mjs'

/**
 * Runs npm and returns its standard output.
 * @param {readonly string[]} args
 */
export function npm(args) {
  const [command, before] = npmCommand()
  return run(command, [...before, ...args])
}

/**
 * Runs npm on the caller's terminal and returns its exit status.
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function npmVisibly(args, options) {
  const [command, before] = npmCommand()
  return runVisibly(command, [...before, ...args], options)
}

/** @returns {[command: string, args: string[]]} */
function npmCommand() {
  const script = process.env.npm_execpath
  return script ? [process.execPath, [script]] : ['npm', []]
}
