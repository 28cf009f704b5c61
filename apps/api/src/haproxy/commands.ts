import { haproxyVersion } from '@quorate/shared/haproxy';
import { desc, eq, lte } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import { ifMatchField, requireMatch } from '../commands/precondition';
import type { StateDb } from '../db/state-store';
import { etagOf, type HaproxySource, savedSettings, settingsEtag } from './current';
import { haproxyRevisions, haproxySettings } from './table';

/** Older revisions are dropped: a history to look back on, not an archive. */
export const KEPT_REVISIONS = 100;

const publications = z.object({ services: z.array(z.object({ service: z.string() })).default([]) });
const publishedBy = (settings: string): string[] =>
  publications.parse(JSON.parse(settings)).services.map(({ service }) => service);

const createReplaceSettings = (source: Pick<HaproxySource, 'publishedPort'>) =>
  defineCommand({
    type: 'haproxy.settings.replace',
    since: 1,
    input: z.object({ settings: z.string().max(16_384), ifMatch: ifMatchField }),
    target: () => 'haproxy/settings',
    apply(tx, input, ctx) {
      requireMatch(input.ifMatch, settingsEtag(tx));
      const before = savedSettings(tx);
      if (before === input.settings) return;
      const known = new Set(before === undefined ? [] : publishedBy(before));
      for (const [at, service] of publishedBy(input.settings).entries()) {
        // One that was removed since keeps its address: it may come again, and nothing else is refused for it.
        if (!known.has(service)) requirePort(service, at, source.publishedPort(tx, service));
      }
      const row = { settings: input.settings, updatedAt: ctx.at };
      tx.insert(haproxySettings)
        .values({ id: 1, ...row })
        .onConflictDoUpdate({ target: haproxySettings.id, set: row })
        .run();
      ctx.event('haproxy.settings_changed', `${ctx.actor.name} changed the load balancer settings`);
    },
  });

/** @throws DomainError not_found, conflict where its specification publishes no port */
function requirePort(service: string, at: number, port: string | undefined): void {
  if (port) return;
  const [code, detail] =
    port === undefined
      ? (['not_found', `there is no service ${service}; see GET /v1/services`] as const)
      : ([
          'conflict',
          `the service ${service} publishes no port; name one of its ports as publish in its specification`,
        ] as const);
  throw new DomainError(code, detail, [{ pointer: `/services/${at}/service`, detail }]);
}

export const recordRevision = defineCommand({
  type: 'haproxy.revision.record',
  since: 1,
  audited: false,
  input: z.object({
    config: z.string().max(262_144),
    version: haproxyVersion,
    servers: z.int(),
    settingsEtag: z.string(),
    reason: z.string().max(200),
  }),
  apply(tx, input, ctx) {
    const last = tx.select().from(haproxyRevisions).orderBy(desc(haproxyRevisions.revision)).limit(1).get();
    // Several nodes may notice the same change.
    if (last?.config === input.config) return { revision: last.revision };
    const revision = (last?.revision ?? 0) + 1;
    tx.insert(haproxyRevisions)
      .values({ ...input, revision, etag: etagOf(input.config), createdAt: ctx.at, index: ctx.index })
      .run();
    tx.delete(haproxyRevisions)
      .where(lte(haproxyRevisions.revision, revision - KEPT_REVISIONS))
      .run();
    ctx.event('haproxy.revision_created', `Load balancer configuration ${revision}: ${input.reason}`, { revision });
    return { revision };
  },
});

/** @throws DomainError not_found */
export function findRevision(db: StateDb, revision: number) {
  const row = db.select().from(haproxyRevisions).where(eq(haproxyRevisions.revision, revision)).get();
  if (!row) throw new DomainError('not_found', `there is no revision ${revision}; the last ${KEPT_REVISIONS} are kept`);
  return row;
}

/** @param source which services there are is not known in this layer */
export function createHaproxyCommands(source: Pick<HaproxySource, 'publishedPort'>) {
  const replaceSettings = createReplaceSettings(source);
  return { replaceSettings, all: [replaceSettings, recordRevision] };
}
export type HaproxyCommands = ReturnType<typeof createHaproxyCommands>;
