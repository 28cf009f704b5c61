import { type ServiceError, status } from '@grpc/grpc-js';

/**
 * What went wrong, in the terms a caller decides by:
 * `unreachable` no connection · `timeout` no answer in time · `no_leader` · `learner` the member is a learner and
 * refuses this call · `overloaded` · `no_space` · `compacted` · `future_revision` · `too_large` · `refused`
 * permission or certificate · the membership answers · `other`.
 */
export type EtcdErrorKind =
  | 'unreachable'
  | 'timeout'
  | 'no_leader'
  | 'learner'
  | 'overloaded'
  | 'no_space'
  | 'compacted'
  | 'future_revision'
  | 'too_large'
  | 'refused'
  | 'cancelled'
  | 'too_many_learners'
  | 'not_in_sync'
  | 'not_a_learner'
  | 'unhealthy'
  | 'not_enough_started'
  | 'not_found'
  | 'peer_url_exists'
  | 'member_exists'
  | 'not_leader'
  | 'bad_transferee'
  | 'other';

/** `not_done`: certainly without effect. `unknown`: it may or may not have taken effect, now or later. */
export type EtcdOutcome = 'not_done' | 'unknown';

export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  constructor(
    message: string,
    readonly kind: EtcdErrorKind,
    readonly outcome: EtcdOutcome,
    readonly endpoint: string,
  ) {
    super(message);
  }
}

/**
 * Fragments of etcd's own error texts (`etcdserver/api/v3rpc/rpctypes/error.go`, the same in 3.4 to 3.6) that
 * mean "refused before it was proposed". Every text that isn't here leaves the outcome unknown.
 * `database space exceeded` is left out on purpose: the quota check of the apply stage answers it *after* applying.
 */
const REFUSALS: ReadonlyArray<readonly [string, EtcdErrorKind]> = [
  ['etcdserver: no leader', 'no_leader'],
  ['raft proposal dropped', 'no_leader'],
  ['rpc not supported for learner', 'learner'],
  ['etcdserver: too many requests', 'overloaded'],
  ['etcdserver: request is too large', 'too_large'],
  ['required revision has been compacted', 'compacted'],
  ['required revision is a future revision', 'future_revision'],
  ['too many learner members', 'too_many_learners'],
  ['can only promote a learner member which is in sync', 'not_in_sync'],
  ['can only promote a learner member', 'not_a_learner'],
  ['etcdserver: unhealthy cluster', 'unhealthy'],
  ['not enough started members', 'not_enough_started'],
  ['etcdserver: member not found', 'not_found'],
  ['Peer URLs already exists', 'peer_url_exists'],
  ['member ID already exist', 'member_exists'],
  ['etcdserver: not leader', 'not_leader'],
  ['bad leader transferee', 'bad_transferee'],
  ['permission denied', 'refused'],
];

/** grpc-js texts of a call that never left this process. */
const NOT_SENT = ['No connection established', 'Stream refused by server', 'Channel has been shut down'];

/** Maps a failed call to its kind and outcome. Anything not known to be harmless is `unknown`. */
export function classify(error: ServiceError, endpoint: string): EtcdError {
  const text = error.details || error.message;
  const make = (kind: EtcdErrorKind, outcome: EtcdOutcome): EtcdError =>
    new EtcdError(`etcd ${endpoint}: ${text}`, kind, outcome, endpoint);
  const refusal = REFUSALS.find(([fragment]) => text.includes(fragment));
  if (refusal) return make(refusal[1], 'not_done');
  if (text.includes('database space exceeded')) return make('no_space', 'unknown');
  if (NOT_SENT.some((fragment) => text.includes(fragment))) return make('unreachable', 'not_done');
  switch (error.code) {
    case status.UNIMPLEMENTED:
    case status.INVALID_ARGUMENT:
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return make('refused', 'not_done');
    case status.DEADLINE_EXCEEDED:
      // grpc-js's own text names the peer once the request was handed to a connection; any other text is a server's.
      return make('timeout', /^Deadline exceeded after (?!.*remote_addr=)/.test(text) ? 'not_done' : 'unknown');
    case status.CANCELLED:
      return make('cancelled', 'unknown');
    case status.UNAVAILABLE:
      return make(text.includes('timed out') ? 'timeout' : 'unreachable', 'unknown');
    default:
      return make('other', 'unknown');
  }
}

/** Whether another member might answer what this one refused. */
export function isWorthAnotherEndpoint(error: EtcdError): boolean {
  switch (error.kind) {
    case 'unreachable':
    case 'timeout':
    case 'no_leader':
    case 'learner':
    case 'overloaded':
      return true;
    default:
      return error.kind === 'other' && error.outcome === 'unknown';
  }
}
