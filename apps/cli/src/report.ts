import { ApiError } from '@quorate/shared/client';
import type { ErrorCode } from '@quorate/shared/error-codes';
import { CliError, type FieldLine } from './cli-error';
import { type Exit, exitOf } from './exit-codes';
import { type Colors, plain } from './output';
import { isTimeout, isTlsFailure, TransportError } from './transport';

/** A failure in the form in which it is printed. */
export interface Report {
  readonly exit: Exit;
  readonly message: string;
  readonly fields: readonly FieldLine[];
  readonly hint: string | undefined;
  readonly requestId: string;
}

/** Cures known to the client, where the server's detail does not already give one. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'sign in with: quorate login',
  forbidden: 'quorate whoami shows your role; ask an admin for a higher one',
  not_set_up: 'create the first admin: open the console, or run quorate setup',
  already_set_up: 'sign in with: quorate login',
  setup_code_invalid: 'on the node, show it with: quorate agent setup-code; then pass it by --setup-code-file',
  membership_change_in_progress: 'wait for it (quorate join list), then run this again',
  quorum_would_be_lost: 'add or repair a member first; quorate status shows who is healthy',
  member_unhealthy: 'quorate status names the unhealthy member; repair or remove it first',
  single_mode: 'grow to a cluster with: quorate token create, then join a node',
  precondition_failed: 'somebody changed it in between; look again and repeat the command',
  no_quorum: 'reads still work; quorate status shows which members are missing',
  not_ready: 'quorate status shows what the node waits for; try again shortly',
  backup_encrypted: 'pass --key-file FILE with the passphrase or the age identity; - reads standard input',
  backup_wrong_key: 'pass the right one by --key-file FILE; it may be one from before the encryption was changed',
  last_admin: 'make another user an admin first: quorate user update NAME --role admin',
  upgrade_required: 'quorate cluster members shows the versions',
};

function hintOf(error: ApiError): string | undefined {
  const { problem } = error;
  if (problem.code === 'outcome_unknown') {
    return problem.command_id
      ? `the write may have happened; find out with: quorate command show ${problem.command_id}`
      : 'the write may have happened; look before you repeat it';
  }
  const known = HINTS[problem.code as ErrorCode];
  if (known !== undefined) return known;
  return problem.retry_after === undefined ? undefined : `try again in ${Math.ceil(problem.retry_after)}s`;
}

/** Where the API names a list by its path, the client names its own command. */
const LISTS: readonly (readonly [path: string, command: string])[] = [
  ['/v1/backups/targets', 'quorate backup target list'],
  ['/v1/backups', 'quorate backup list'],
  ['/v1/cluster', 'quorate status'],
  ['/v1/ha', 'quorate ha show'],
  ['/v1/haproxy/balancers', 'quorate haproxy balancer list'],
  ['/v1/job-schedules', 'quorate job schedule list'],
  ['/v1/jobs', 'quorate job list'],
  ['/v1/runners', 'quorate runner list'],
  ['/v1/services', 'quorate service list'],
];

function inOwnWords(detail: string): string {
  const found = LISTS.find(([path]) => detail.endsWith(`see GET ${path}`));
  return found
    ? `${detail.slice(0, -`GET ${found[0]}`.length)}${found[1]}`.replace(/; see (?=quorate)/, '; see: ')
    : detail;
}

const fieldName = (pointer: string): string => pointer.replace(/^[/#]+/, '').replaceAll('/', '.') || 'body';

function unreachableReport(error: Error, cause: unknown): Report {
  const base = { fields: [], requestId: '' };
  const timedOut =
    cause instanceof TransportError ? isTimeout(cause) : cause instanceof Error && cause.name === 'TimeoutError';
  if (timedOut) {
    return {
      ...base,
      exit: 'timeout',
      message: cause instanceof TransportError ? `cannot reach ${cause.message}` : 'no answer in time',
      hint: 'allow more with --timeout 60s',
    };
  }
  if (!(cause instanceof TransportError)) {
    return { ...base, exit: 'unavailable', message: error.message, hint: undefined };
  }
  const message = `cannot reach ${cause.message}`;
  if (isTlsFailure(cause)) {
    const hint = 'trust the cluster with: quorate login --ca FILE, or --ca-fingerprint sha256:… as a node shows it';
    return { ...base, exit: 'unavailable', message, hint };
  }
  if (cause.codes.includes('EACCES')) {
    return { ...base, exit: 'auth', message, hint: 'run as the user that runs quorated' };
  }
  return {
    ...base,
    exit: 'unavailable',
    message,
    hint: 'check that the node runs and that the address is right, https:// or http:// included',
  };
}

/** Turns whatever was thrown into what to print and how to exit. */
export function reportOf(error: unknown): Report {
  if (error instanceof CliError) {
    return { exit: error.exit, message: error.message, fields: error.fields, hint: error.hint, requestId: '' };
  }
  if (error instanceof ApiError) {
    if (error.code === 'unreachable') return unreachableReport(error, error.cause);
    return {
      exit: exitOf(error.code, error.status),
      message: inOwnWords(error.problem.detail || error.problem.title),
      // Of a refusal that is about the state, the message says all; the fields are for forms.
      fields: (error.status === 422 ? (error.problem.errors ?? []) : []).map((item) => ({
        field: fieldName(item.pointer),
        detail: item.detail,
      })),
      hint: hintOf(error),
      requestId: error.problem.request_id,
    };
  }
  if (error instanceof TransportError) return unreachableReport(error, error);
  const message = error instanceof Error ? error.message : String(error);
  return { exit: 'error', message, fields: [], hint: undefined, requestId: '' };
}

/** `error:`, one line a field, `hint:`, the request id: each on a line of its own. */
export function reportText(report: Report, colors: Colors): string {
  const lines = [`${colors.red('error:')} ${plain(report.message)}`];
  for (const { field, detail } of report.fields) {
    // A single error of a field is often the message itself: then the field's name is all that is new.
    lines.push(detail === report.message ? `  field: ${plain(field)}` : `  ${plain(field)}: ${plain(detail)}`);
  }
  if (report.hint !== undefined) lines.push(`${colors.cyan('hint:')} ${plain(report.hint)}`);
  if (report.requestId) lines.push(colors.dim(`request id: ${plain(report.requestId)}`));
  return `${lines.join('\n')}\n`;
}
