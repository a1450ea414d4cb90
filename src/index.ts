/**
 * The library: what `extsign` does, one function each. The formats have doors of their own
 * (`extsign/formats/gpt`, …).
 */

export { searchCatalog } from './credentials/catalog.ts'
export type { CatalogEntry } from './credentials/catalog-entries.ts'
export {
  createHostSecret,
  type HostSecretOptions,
  type LoadedHostSecret,
  readHostSecret,
} from './credentials/host-secret.ts'
export { type CredentialInspection, inspectCredential } from './credentials/inspect.ts'
export { type OpenedCredential, type OpenOptions, openCredential } from './credentials/open.ts'
export {
  type SealOptions,
  type SealResult,
  sealCredential,
  type TpmPart,
} from './credentials/seal.ts'
export {
  type MadeTpmPart,
  makeTpmPart,
  type TpmPartOptions,
  type TpmPolicy,
  type TpmSealer,
  unsealTpmPart,
} from './credentials/tpm-part.ts'
export * from './errors.ts'
export type {
  ImageParts,
  PolicyApproval,
  PolicyEvidence,
  PolicyParts,
  Purpose,
  RootHashParts,
  SignedParts,
  VariableParts,
} from './formats/signing-purpose/parts.ts'
export { buildExtension } from './images/build.ts'
export type { Finding } from './images/checks/finding.ts'
export type { ReaderVerdict } from './images/checks/reader-verdict.ts'
export { inspectImage } from './images/inspect.ts'
export type { Inspection } from './images/inspection.ts'
export { type ListedEntry, type ListOptions, listImage } from './images/list.ts'
export type {
  BuildOptions,
  BuildResult,
  Compression,
  CompressionAlgorithm,
  ExtensionKind,
  ImageResult,
  LayoutOptions,
  PartitionResult,
  Progress,
  ReleaseOptions,
  Signing,
  WrapOptions,
} from './images/options.ts'
export { type ResignOptions, type ResignResult, resignImage } from './images/resign.ts'
export { type ReplaceOptions, replaceSignature } from './images/sealing/replace-signature.ts'
export {
  attachSignature,
  type RootHashSignature,
  requestSignature,
  type SignatureInput,
  signRootHash,
} from './images/sign.ts'
export {
  type UnpackOptions,
  type UnpackResult,
  unpackImage,
  type Verifier,
} from './images/unpack.ts'
export { type Verification, verifyImage } from './images/verify.ts'
export type { VerifyOptions } from './images/verify-options.ts'
export { wrapFilesystem } from './images/wrap.ts'
export { type LoadedCertificate, loadCertificate } from './keys/certificate.ts'
export { type FileSigner, type FileSignerOptions, fileSigner } from './keys/file-signer.ts'
export {
  type GeneratedKey,
  type GenerateKeyOptions,
  generateKey,
  KEY_ALGORITHMS,
  type KeyAlgorithm,
} from './keys/generate.ts'
export { type InspectOptions, inspectKeys, type KeyReport } from './keys/inspect.ts'
export {
  isPolicySignatureValid,
  loadPolicyCertificate,
  loadPolicyPublicKey,
  type PolicyPublicKey,
  policyPublicKey,
} from './keys/policy-key.ts'
export { type PolicySigner, type PolicySignerOptions, policySigner } from './keys/policy-signer.ts'
export { examineRequest } from './keys/purpose.ts'
export type { Signer, SigningRequest } from './keys/signer.ts'
export { type AgentSignerOptions, agentSigner } from './keys/signers/agent-signer.ts'
export type { LoadedSigner } from './keys/signers/checked-signer.ts'
export { type CommandSignerOptions, commandSigner } from './keys/signers/command-signer.ts'
export { type KeySource, type OpenSignerOptions, openSigner } from './keys/signers/open-signer.ts'
export { type Pkcs11SignerOptions, pkcs11Signer } from './keys/signers/pkcs11-signer.ts'
export {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  startAgent,
} from './keys/signers/start-agent.ts'
export { openTpm, type Tpm } from './keys/tpm/index.ts'
export { type IgnoredFile, readTrustDirectories, type TrustStore } from './keys/trust.ts'
export { embeddedPublicKey } from './policies/embedded-key.ts'
export type { Comparison, Explanation } from './policies/explain/comparison.ts'
export type { Difference } from './policies/explain/difference.ts'
export {
  type Expectation,
  type ExplainOptions,
  explainPcrs,
  parseExpectation,
} from './policies/explain/explain.ts'
export {
  type NamedLog,
  type Observation,
  readEventLog,
  readPcrDump,
} from './policies/explain/observation.ts'
export type { Digests, MeasuredContent } from './policies/hash-contents.ts'
export { type JoinedSignatures, joinSignatures, type ReturnedSignatures } from './policies/join.ts'
export { type JoinUkiOptions, joinUkiSignatures } from './policies/join-uki.ts'
export {
  type KernelMeasurement,
  type MeasureOptions,
  measureSections,
  measureUki,
  type PhaseValues,
  phaseEvents,
  type UkiMeasurement,
} from './policies/measure.ts'
export { type OpenContent, openContent } from './policies/open-content.ts'
export { openUkiFile, type UkiFile } from './policies/open-uki.ts'
export { type PcrlockFile, type PcrlockOptions, pcrlockFiles } from './policies/pcrlock.ts'
export { DEFAULT_PHASES, findImpossibility, normalizePhases } from './policies/phases.ts'
export { type PlaceOptions, type ProfileSignatures, placeSignatures } from './policies/place.ts'
export { type PolicyOptions, policiesOf, policyOf, type UnsignedPolicy } from './policies/policy.ts'
export { formatTpm2Pcrs, predictedPolicies } from './policies/predict/forms.ts'
export { type PredictOptions, predictPcrs } from './policies/predict/predict.ts'
export type {
  PredictedEvent,
  PredictedState,
  Prediction,
} from './policies/predict/prediction.ts'
export { readReturnedSignatures } from './policies/read-returned.ts'
export {
  attachPolicySignature,
  type PolicySigning,
  requestPolicySignature,
  signPolicies,
} from './policies/sign.ts'
export { type SignUkiOptions, signUki } from './policies/sign-uki.ts'
export {
  type PolicyVerification,
  type VerifyPoliciesOptions,
  verifyPolicies,
} from './policies/verify.ts'
export {
  type AttachGroup,
  type AttachOptions,
  type AttachResult,
  attachGroup,
  certificateOfResponse,
  checkResponse,
} from './requests/attach.ts'
export { type RequestOptions, requestSignatures } from './requests/request.ts'
export { type SignRequestOptions, signRequest } from './requests/sign.ts'
export type { Carrier, CarrierKind, Examined, KeyState } from './rotation/carrier.ts'
export {
  type CredentialTurn,
  credentialCarrier,
  type OpeningKeys,
  type SealingTpm,
} from './rotation/credential.ts'
export { type ImageTurn, imageCarrier } from './rotation/image.ts'
export {
  type PlannedCarrier,
  planRotation,
  type RotationOptions,
  type RotationPlan,
  type Step,
} from './rotation/plan.ts'
export { type PolicyTurn, policyCarrier } from './rotation/policies.ts'
export { type RunOptions, runRotation, type StepResult } from './rotation/run.ts'
export { type TrustTurn, trustCarrier } from './rotation/trust.ts'
export { type Manifest, parseManifest } from './tree/manifest.ts'
export {
  checkTrust,
  findTrustDirectories,
  type TrustCheck,
  type TrustCheckOptions,
} from './trust/check.ts'
export {
  type EnrolledVariable,
  type Enrollment,
  type EnrollmentOptions,
  makeEnrollment,
} from './trust/enrollment.ts'
export {
  type InstalledCertificate,
  type InstallOptions,
  installCertificates,
} from './trust/install.ts'
export {
  attachVariableSignature,
  requestVariableSignature,
  signVariable,
} from './trust/uefi-variable.ts'
