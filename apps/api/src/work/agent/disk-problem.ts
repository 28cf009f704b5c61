const NO_SPACE = new Set(['ENOSPC', 'EDQUOT']);

/** Why a file could not be written, for whoever waits for what it was for. */
export function diskProblem(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return NO_SPACE.has(code) ? 'no space is left on the disk of the runner' : message;
}
