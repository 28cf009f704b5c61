/** What a check found. `warn` works but is not as it should be; `fail` does not work. */
export type Status = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** What was looked at, in one or two words. */
  readonly check: string;
  readonly status: Status;
  readonly detail: string;
  /** What to do; empty when nothing is to be done. */
  readonly cure: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail, cure: '' });
export const warn = (check: string, detail: string, cure: string): Finding => ({ check, status: 'warn', detail, cure });
export const fail = (check: string, detail: string, cure: string): Finding => ({ check, status: 'fail', detail, cure });

/** Splits messages of the form "what; what to do". */
export function failWith(check: string, message: string): Finding {
  const at = message.lastIndexOf('; ');
  return at < 0 ? fail(check, message, '') : fail(check, message.slice(0, at), message.slice(at + 2));
}
