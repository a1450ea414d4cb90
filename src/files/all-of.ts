/**
 * Waits for all of `running`, and only then throws the first error among them: nothing goes on
 * behind the caller's back with files or keys that are closed or forgotten then.
 *
 * Used everywhere instead of `Promise.all`, which throws while the others still run.
 */
export async function allOf<Running extends readonly Promise<unknown>[] | []>(
  running: Running,
): Promise<{ -readonly [Index in keyof Running]: Awaited<Running[Index]> }> {
  await Promise.allSettled(running)
  return Promise.all(running)
}
