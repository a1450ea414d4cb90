/** Logs of what was measured into a TPM, by firmware and by userspace. */

export { eventTypeName } from './event-types.ts'
export { decodeFirmwareLog, isFirmwareLog } from './firmware.ts'
export type { EventLog, LogEvent } from './log-event.ts'
export { isUserspaceLog, parseUserspaceLog } from './userspace.ts'
