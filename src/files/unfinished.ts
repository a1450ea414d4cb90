/** What this process is making and what it has made, for the moment in which a signal ends it. */

import { errnoOf } from './errno.ts'

/** Paths that are kept by name; of more only the number is. */
const MAX_NAMED = 10

interface Removal {
  readonly path: string
  readonly remove: () => void
}

const removals = new Map<string, Removal>()
/** What has too many parts to be removed in a moment. */
const lasting = new Set<string>()
const named: string[] = []
let written = 0
let announce: (() => void) | undefined
let inProgress = 0
const waiting: (() => void)[] = []

/** Calls `call` before the first of all files is made, from when on a sudden end leaves it there. */
export function beforeFirstUnfinished(call: () => void): void {
  announce = call
}

/**
 * Has `remove` called where the process ends, by itself too, before `path` is forgotten. What could not
 * be removed is not forgotten: it is tried again then, and said.
 *
 * @param remove works at once and may throw what the system throws: the next run removes what is left
 * @param key by which it is forgotten, where the path may be that of something else too
 */
export function registerUnfinished(path: string, remove: () => void, key = path): void {
  announce?.()
  announce = undefined
  removals.set(key, { path, remove })
}

/** Says that `path` is in the making, in parts that are not removed in a moment. */
export function noteUnfinished(path: string): void {
  removals.delete(path)
  lasting.add(path)
}

/** What was registered has its own name, or is gone. */
export function forgetUnfinished(key: string): void {
  removals.delete(key)
  lasting.delete(key)
}

/**
 * Removes everything that is in the making, in the last moment of this process: what came later first,
 * as it may be in what came before.
 *
 * @returns what is left: the next run removes it
 */
export function removeUnfinished(): readonly string[] {
  const left: string[] = []
  for (const { path, remove } of [...removals.values()].reverse()) {
    try {
      remove()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') left.push(path)
    }
  }
  removals.clear()
  return [...new Set([...lasting, ...left])]
}

/** Remembers that `path` has its new content. */
export function rememberWritten(path: string): void {
  written++
  if (named.length < MAX_NAMED) named.push(path)
}

/** What was written until now: the first by name, and how many more. */
export function whatWasWritten(): { readonly paths: readonly string[]; readonly more: number } {
  return { paths: named, more: written - named.length }
}

/**
 * Does what a signal must not end in the middle: making a file that would be there after its removal,
 * or giving several files their names.
 */
export async function inOneGo<T>(work: () => Promise<T>): Promise<T> {
  inProgress++
  try {
    return await work()
  } finally {
    inProgress--
    if (inProgress === 0) for (const call of waiting.splice(0)) call()
  }
}

/** Calls `call` as soon as nothing is in progress that has to come to its end. */
export function afterOneGo(call: () => void): void {
  if (inProgress === 0) call()
  else waiting.push(call)
}
