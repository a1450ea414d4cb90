/** What libblkid takes bytes for. */

export { type FoundType, type Probe, type ProbeVerdict, probe } from './probe.ts'
