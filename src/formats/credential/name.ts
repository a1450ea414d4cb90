/** Names of credentials: what systemd takes both for a file name and for a descriptor's name. */

import { MAX_NAME } from './layout.ts'

/** What is wrong with `name`, or undefined where it may be embedded in a credential. */
export function findNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (name === '.' || name === '..') return `'${name}' is a folder`
  const strange = /[^\x20-\x7e]/u.exec(name)
  if (strange) return 'only printable ASCII characters are allowed'
  const forbidden = /[/:]/.exec(name)
  if (forbidden) return `'${forbidden[0]}' is not allowed`
  if (name.length > MAX_NAME) return `it has ${name.length} bytes, ${MAX_NAME} are allowed`
  return undefined
}

const SUFFIX = /\.cred$/i

/** Whether boot loaders take a file of this name for a credential, and drop the end of its name. */
export function hasCredentialSuffix(file: string): boolean {
  return SUFFIX.test(file) && file.length > '.cred'.length
}

/**
 * The name under which the content of a file is looked up: the file's name, without the `.cred`
 * that boot loaders take away.
 */
export function nameOfFile(file: string): string {
  return hasCredentialSuffix(file) ? file.replace(SUFFIX, '') : file
}
