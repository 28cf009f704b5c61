import { DomainError } from '../../commands/domain-error';

const CHANGES = 120;
const WINDOW_MS = 60_000;

export interface ChangeLimit {
  /** @throws DomainError too_many_requests */
  take(who: string): void;
}

/** A role that may write nothing else must not be able to fill the log: so many changed reports a minute, caller and node. */
export function createChangeLimit(now: () => number = () => performance.now()): ChangeLimit {
  let taken: { readonly who: string; readonly at: number }[] = [];
  return {
    take(who) {
      const at = now();
      taken = taken.filter((before) => at - before.at < WINDOW_MS);
      const own = taken.filter((before) => before.who === who);
      const [oldest] = own;
      if (oldest && own.length >= CHANGES) {
        const seconds = Math.ceil((oldest.at + WINDOW_MS - at) / 1000);
        const why = `${CHANGES} changes were reported within a minute`;
        throw new DomainError('too_many_requests', `${why}; report the newest one later`, [], seconds);
      }
      taken.push({ who, at });
    },
  };
}
