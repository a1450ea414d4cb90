/** os-release and extension-release: reading, writing, names, and whether the two match. */

export {
  ARCHITECTURES,
  architectureOfNode,
  isArchitecture,
  suggestArchitecture,
} from './architecture.ts'
export type { SourcedValue, StampInput } from './collect-fields.ts'
export { editEnvFile } from './edit-env-file.ts'
export {
  type Assignment,
  formatAssignment,
  formatEnvFile,
  isFieldName,
  parseAssignments,
  parseEnvFile,
} from './env-file.ts'
export {
  checkFileName,
  type FileNameVerdict,
  type LoadableName,
  loadsAs,
} from './file-names.ts'
export {
  findReleaseFile,
  type ReleaseDirectoryEntry,
  type ReleaseFileLookup,
  type ReleaseFileOptions,
  type ReleaseFileRule,
} from './find-release-file.ts'
export { type ExtensionKind, KINDS, type KindFacts } from './kind.ts'
export {
  type AcceptingRule,
  decideMerge,
  findMismatch,
  type Match,
  type MergeDecision,
  type MergeTarget,
  type Mismatch,
  type RejectingRule,
  type Release,
} from './match.ts'
export {
  baseNameOf,
  extensionReleasePath,
  findNameProblem,
  imageNameOf,
  isImageName,
  RELEASE_FILE_PREFIX,
} from './names.ts'
export type { ReleaseOptions } from './options.ts'
export { type Stamp, type StampedField, stampRelease } from './stamp.ts'
export { type FieldProblem, findFieldProblem, SCOPES } from './validate-field.ts'
