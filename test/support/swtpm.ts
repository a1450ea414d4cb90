/** A TPM in software for tests: a process of its own, whose state leaves with the test. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { tool } from './tools.ts'

export interface SoftwareTpm {
  /** For us, and for systemd in a reference tree. */
  readonly device: string
  stop(): Promise<void>
}

/** Attempts of 10 ms until the socket is there. */
const MAX_ATTEMPTS = 500
const STARTED_UP = 'not-need-init,startup-clear'

/**
 * Starts swtpm behind a unix socket in `folder`, where it keeps its state too: the same folder is
 * the same TPM again.
 */
export async function startTpm(folder: string): Promise<SoftwareTpm> {
  mkdirSync(folder, { recursive: true })
  const socket = join(folder, 'tpm')
  const server = ['--server', `type=unixio,path=${socket}`]
  const control = ['--ctrl', `type=unixio,path=${socket}.ctrl`]
  const child = spawnTpm(folder, [...server, ...control])
  await until(() => existsSync(socket) && existsSync(`${socket}.ctrl`), child)
  // A socket is there a moment before anything listens on it.
  await untilAnswered(socket)
  return { device: `swtpm:path=${socket}`, stop: () => stop(child) }
}

/** Starts swtpm behind a TCP port; with `not-need-init` alone, as before the firmware has run. */
export async function startTpmOnTcp(
  folder: string,
  flags: string = STARTED_UP,
): Promise<SoftwareTpm> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const pid = join(folder, 'pid')
  const child = spawnTpm(
    folder,
    ['--server', `type=tcp,port=${port}`, '--pid', `file=${pid}`],
    flags,
  )
  await until(() => existsSync(pid), child)
  return { device: `swtpm:host=127.0.0.1,port=${port}`, stop: () => stop(child) }
}

function spawnTpm(folder: string, args: readonly string[], flags = STARTED_UP): ChildProcess {
  const state = ['--tpmstate', `dir=${folder}`, '--flags', flags]
  return spawn(tool('swtpm'), ['socket', '--tpm2', ...state, ...args], { stdio: 'ignore' })
}

async function until(isReady: () => boolean, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (isReady()) return
    if (child.exitCode !== null) throw new Error(`swtpm ended with ${child.exitCode}`)
    await setTimeout(10)
  }
  throw new Error('swtpm does not start')
}

async function untilAnswered(path: string): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const isAnswered = await new Promise((resolve) => {
      const probe = createConnection(path)
      probe.once('connect', () => probe.end(() => resolve(true)))
      probe.once('error', () => resolve(false))
    })
    if (isAnswered) return
    await setTimeout(10)
  }
  throw new Error('swtpm does not listen')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill()
  await ended
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
