import type { CommandRegistry } from './commands/define-command';
import type { Metrics } from './http/metrics';
import type { Proposer } from './replication/proposer';

/** Times every proposal. */
export function timedProposer(proposer: Proposer, metrics: Metrics): Proposer {
  const propose: Proposer['propose'] = async (...input) => {
    const startedMs = performance.now();
    let outcome: 'ok' | 'failed' = 'failed';
    try {
      const result = await proposer.propose(...input);
      outcome = 'ok';
      return result;
    } finally {
      metrics.proposed(outcome, (performance.now() - startedMs) / 1000);
    }
  };
  // Inherits, so that getters stay live.
  return Object.create(proposer, { propose: { value: propose } }) as Proposer;
}

/** Times every command's own function. */
export function timedRegistry(registry: CommandRegistry, metrics: Metrics): CommandRegistry {
  const timed = [...registry].map(([type, definition]) => {
    const apply: typeof definition.apply = (...input) => {
      const startedMs = performance.now();
      try {
        return definition.apply(...input);
      } finally {
        metrics.applying((performance.now() - startedMs) / 1000);
      }
    };
    return [type, { ...definition, apply }] as const;
  });
  return new Map(timed);
}
