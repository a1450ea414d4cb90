// @ts-check
/** Child processes of the scripts: loud when they fail, quiet when they work. */

import { spawn } from 'node:child_process'

/**
 * Runs a command and returns its standard output; throws with everything it said when it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      said += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output)
      const end = said.split('\n').slice(-40).join('\n')
      reject(new Error(`${command} ${args.join(' ')}: ended with ${code ?? signal}\n${end}`))
    })
  })
}

/**
 * Runs a command on the caller's terminal and returns its exit status, never 0 when a signal ended it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>}
 */
export function runVisibly(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}
