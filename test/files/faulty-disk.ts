/** The promises of node:fs over a disk that fails at a chosen call, or of a process that is killed there. */

import { readdirSync, renameSync } from 'node:fs'
import type * as Promises from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

/** Calls that change something, or make it durable. */
const CALLS = ['open', 'write', 'truncate', 'chmod', 'chown', 'sync', 'close'] as const
const NAMES = ['link', 'rename', 'unlink', 'mkdir', 'rmdir'] as const

export type Fault =
  /** The call fails, once. */
  | 'once'
  /** The call fails, and so do all later ones of its kind. */
  | 'for good'
  /** Nothing happens any more, as after SIGKILL. */
  | 'killed'

export class FaultyDisk {
  /** Calls so far. */
  calls: string[] = []
  #fault: Fault = 'once'
  #when = Number.POSITIVE_INFINITY
  #broken: string | undefined

  /** From now on, the call with this number (from 0) fails; none without one. */
  arm(fault: Fault = 'once', when = Number.POSITIVE_INFINITY): void {
    this.calls = []
    this.#fault = fault
    this.#when = when
    this.#broken = undefined
  }

  /** Whether the fault has happened. */
  get hasFailed(): boolean {
    return this.calls.length > this.#when
  }

  wrap(promises: typeof Promises): typeof Promises {
    const wrapped: Record<string, unknown> = { ...promises }
    for (const name of NAMES) {
      const call = promises[name] as (...args: unknown[]) => Promise<unknown>
      wrapped[name] = async (...args: unknown[]) => {
        this.#step(name)
        return call(...args)
      }
    }
    wrapped.open = async (...args: Parameters<typeof promises.open>) => {
      if (args[1] !== 'r') this.#step('open')
      return this.#wrapHandle(await promises.open(...args))
    }
    return wrapped as typeof Promises
  }

  #wrapHandle(handle: FileHandle): FileHandle {
    return new Proxy(handle, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          const isCall = (CALLS as readonly unknown[]).includes(name)
          // What cannot be closed would stay open in this process.
          if (name === 'close') await value.apply(target, args)
          if (isCall) this.#step(`${String(name)}`)
          return name === 'close' ? undefined : value.apply(target, args)
        }
      },
    })
  }

  #step(call: string): void {
    const index = this.calls.push(call) - 1
    const isNow = index === this.#when
    if (isNow) this.#broken = call
    const isLater = index > this.#when
    const fails =
      isNow ||
      (isLater && this.#fault === 'killed') ||
      (isLater && this.#fault === 'for good' && call === this.#broken)
    if (fails) throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: call })
  }
}

/** Makes what this process has left in a folder look like what another one has left that has ended. */
export function disown(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.partial')) continue
    const stale = name.replace(`-${process.pid}-`, '-2000000000-')
    renameSync(join(folder, name), join(folder, stale))
  }
}
