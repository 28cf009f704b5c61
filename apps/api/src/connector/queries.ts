import type { ConnectorSettings } from '@quorate/shared/connector';
import { desc } from 'drizzle-orm';
import { remembered } from '../db/remembered';
import type { StateDb } from '../db/state-store';
import { sha256Hex } from '../lib/hash';
import { connectorLease, connectorSettings, connectorTakeovers } from './table';

export type Lease = typeof connectorLease.$inferSelect;
export type TakeoverRow = typeof connectorTakeovers.$inferSelect;

/** What was saved, or undefined: then nodes go by their configuration. */
export const savedSettings = remembered((db): ConnectorSettings | undefined => {
  const row = db.select().from(connectorSettings).get();
  if (!row) return undefined;
  const { enabled, url, haEnabled, role, caCert } = row;
  return { enabled, url, ha_enabled: haEnabled, role, ca_cert: caCert };
});

export function settingsEtag(db: StateDb): string {
  const saved = savedSettings(db);
  return saved ? `"${sha256Hex(JSON.stringify(saved)).slice(0, 32)}"` : '"default"';
}

export const currentLease = remembered((db): Lease | undefined => db.select().from(connectorLease).get());

/** Newest first. */
export const lastTakeovers = (db: StateDb, limit: number): TakeoverRow[] =>
  db.select().from(connectorTakeovers).orderBy(desc(connectorTakeovers.generation)).limit(limit).all();
