import { DomainError } from '../../commands/domain-error';

/** What an operator's own etcd is not ours to do to. `what` is a sentence's beginning, `instead` says who does it how. */
export const notOurs = (what: string, instead: string): DomainError =>
  new DomainError(
    'external_etcd',
    `${what}: this cluster uses an etcd that its operator runs (raft.endpoints); ${instead}`,
  );
