import { joinTokenPlain } from '@quorate/shared/join-tokens';
import { formatHostPort, parseHostPort } from '../../lib/net';

/** What a joiner is given: where to go, what to show, and whom to trust. */
export interface JoinTarget {
  /** `host:port` of a member's cluster listener. */
  readonly address: string;
  readonly token: string;
  /** `sha256:<hex>` of the cluster CA. */
  readonly caFingerprint: string;
}

/** The join string is malformed; `part` says where. The token is never repeated in the message. */
export class JoinStringError extends Error {
  override readonly name = 'JoinStringError';
  constructor(
    readonly part: 'shape' | 'address' | 'token' | 'fingerprint',
    detail: string,
  ) {
    super(detail);
  }
}

/** `HOST:PORT/TOKEN/FINGERPRINT`, the fingerprint as bare hex. */
export const formatJoinString = ({ address, token, caFingerprint }: JoinTarget): string =>
  `${address}/${token}/${caFingerprint.replace(/^sha256:/, '')}`;

/**
 * Parses `HOST:PORT/TOKEN/FINGERPRINT`. `https://` before and `sha256:` within are accepted.
 *
 * @throws JoinStringError naming the malformed part
 */
export function parseJoinString(text: string): JoinTarget {
  const bare = text.trim().replace(/^https:\/\//i, '');
  const parts = bare.split('/');
  const [address = '', token = '', fingerprint = ''] = parts;
  if (parts.length !== 3) {
    const found = parts.length === 1 ? 'one part' : `${parts.length} parts`;
    throw new JoinStringError(
      'shape',
      `a join string has three parts, HOST:PORT/TOKEN/FINGERPRINT; this has ${found}. Copy the whole of it`,
    );
  }
  return {
    address: parseJoinAddress(address),
    token: parseJoinToken(token),
    caFingerprint: parseFingerprint(fingerprint),
  };
}

/** `host:port` from itself or from `https://host:port[/]`. @throws JoinStringError address */
export function parseJoinAddress(text: string): string {
  const bare = text
    .trim()
    .replace(/^https:\/\//i, '')
    .replace(/\/$/, '');
  const parsed = parseHostPort(bare);
  if (parsed) return formatHostPort(parsed);
  const shown = JSON.stringify(bare.slice(0, 100));
  throw new JoinStringError(
    'address',
    `the address ${shown} is not host:port, such as 10.0.0.1:7000 or [fd00::1]:7000`,
  );
}

/** @throws JoinStringError token */
export function parseJoinToken(text: string): string {
  const token = text.trim();
  if (joinTokenPlain.safeParse(token).success) return token;
  const why = token.startsWith('qj_')
    ? `has ${token.length - 3} characters after qj_, or others than letters, digits, - and _; 43 are expected`
    : 'does not begin with qj_';
  throw new JoinStringError('token', `the token ${why}. Copy it again from where it was minted`);
}

/** `sha256:<hex>` from 64 hex digits with or without the prefix, in either case. @throws JoinStringError fingerprint */
export function parseFingerprint(text: string): string {
  const hex = text
    .trim()
    .replace(/^sha256:/i, '')
    .toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return `sha256:${hex}`;
  const why = /[^0-9a-f]/.test(hex) ? 'holds characters that are no hex digits' : `has ${hex.length} digits`;
  throw new JoinStringError('fingerprint', `the CA fingerprint ${why}; 64 hex digits are expected`);
}
