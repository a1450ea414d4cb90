import type { JobResult } from '../../pipeline/job.ts'

/** Takes the blocks of a file system in order, all but block 0, which is known last. */
export interface BlockSink {
  /** The block at which the next result will start. */
  readonly nextBlock: number
  /** Takes over the buffer of `result`. */
  append(result: JobResult): Promise<void>
}
