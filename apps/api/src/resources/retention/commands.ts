import { retentionSchema } from '@quorate/shared/retention';
import { defineCommand } from '../../commands/define-command';
import { ifMatchField, requireMatch } from '../../commands/precondition';
import type { StateDb } from '../../db/state-store';
import { retention } from '../../db/system-table';

/** What was set, or nothing: then the defaults hold. */
export const savedRetention = (db: StateDb) => db.select().from(retention).get();

export function retentionEtag(db: StateDb): string {
  const saved = savedRetention(db);
  return saved ? `"${saved.events}-${saved.audit}"` : '"default"';
}

export const setRetention = defineCommand({
  type: 'retention.set',
  since: 1,
  input: retentionSchema.extend({ ifMatch: ifMatchField }),
  target: () => 'settings/retention',
  apply(tx, { events, audit, ifMatch }, ctx) {
    requireMatch(ifMatch, retentionEtag(tx));
    const saved = savedRetention(tx);
    if (saved?.events === events && saved.audit === audit) return;
    tx.insert(retention)
      .values({ id: 1, events, audit })
      .onConflictDoUpdate({ target: retention.id, set: { events, audit } })
      .run();
    ctx.event('retention.changed', `${ctx.actor.name} keeps ${events} events and ${audit} audit records`, {
      events,
      audit,
    });
  },
});

export const retentionCommands = [setRetention];
