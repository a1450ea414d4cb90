/**
 * Globs that leave parts of a folder out.
 *
 * As in .gitignore: a pattern without a slash matches a name at any depth (`*.pyc`), one with a
 * slash matches a path from the top of the tree (`usr/share/doc`, `/usr/share/doc`, `usr/lib/*.a`),
 * one that ends in a slash matches directories only. A directory that matches is left out with all
 * that is in it. `*` and `?` do not cross a slash, `**` does, `{a,b}` and `[a-z]` work, and names
 * that start with a dot are nothing special. There is no negation.
 */

import picomatch from 'picomatch'
import { trimEnd } from '../bytes/trim.ts'
import { TreeError } from '../errors.ts'

export interface Excludes {
  /** Whether the entry at `path` (relative to the tree, slashes between names) is left out. */
  matches(path: string, name: string, isDirectory: boolean): boolean
  /** Patterns that have matched nothing so far, as they were given. */
  unused(): readonly string[]
}

/** PATH_MAX. */
const MAX_LENGTH = 4096

interface Rule {
  readonly pattern: string
  readonly onlyDirectories: boolean
  readonly byName: boolean
  readonly test: (text: string) => boolean
  used: boolean
}

/** @throws TreeError UNSUPPORTED for a pattern that cannot mean anything. */
export function compileExcludes(patterns: readonly string[]): Excludes {
  const rules = patterns.map(compileRule)
  return {
    matches(path, name, isDirectory) {
      let matched = false
      for (const rule of rules) {
        if (rule.onlyDirectories && !isDirectory) continue
        if (!rule.test(rule.byName ? name : path)) continue
        rule.used = true
        matched = true
      }
      return matched
    },
    unused: () => rules.filter((rule) => !rule.used).map((rule) => rule.pattern),
  }
}

function compileRule(pattern: string): Rule {
  if (pattern.startsWith('!')) {
    const hint = 'name what is to be left out; a leading ! can be written as [!]'
    throw new TreeError('UNSUPPORTED', `exclude pattern ${pattern} negates`, { hint })
  }
  if (pattern.length > MAX_LENGTH) {
    const start = pattern.slice(0, 40)
    throw new TreeError('UNSUPPORTED', `exclude pattern ${start}… is longer than any path`)
  }
  const path = trimEnd(pattern, '/')
  const glob = path.replace(/^(?:\.?\/)+/, '')
  if (glob === '' || glob === '.' || glob.split('/').includes('..')) {
    const hint = 'patterns are relative to the top of the tree'
    throw new TreeError('UNSUPPORTED', `exclude pattern "${pattern}" names no part of the tree`, {
      hint,
    })
  }
  return {
    pattern,
    onlyDirectories: pattern.endsWith('/'),
    byName: !path.includes('/'),
    test: picomatch(glob, { dot: true, nonegate: true, strictSlashes: true, windows: false }),
    used: false,
  }
}
