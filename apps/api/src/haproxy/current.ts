import { createHash } from 'node:crypto';
import { type HaproxySettings, type HaproxyVersion, haproxySettingsSchema } from '@quorate/shared/haproxy';
import { desc, eq } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import { buildModel, type HaproxyNode } from './model';
import { renderConfig } from './render';
import { haproxyRevisions, haproxySettings } from './table';

/** What this part needs to know of the cluster; the node hands it in. */
export interface HaproxySource {
  clusterName(db: StateDb): string;
  /** Live core members (voters) with their advertised API addresses, drained ones included. */
  nodes(db: StateDb): readonly HaproxyNode[];
}

/** A strong entity tag of a text, quotes included. */
export function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;
}

/** The settings as they were saved; undefined = never, so what a build takes for defaults applies. */
export function savedSettings(db: StateDb): string | undefined {
  return db.select().from(haproxySettings).where(eq(haproxySettings.id, 1)).get()?.settings;
}

/** The ETag of the settings. Without saved ones it must not depend on defaults: two versions may differ in them. */
export const settingsEtag = (db: StateDb): string => etagOf(savedSettings(db) ?? 'defaults');

export function currentSettings(db: StateDb): HaproxySettings {
  const saved = savedSettings(db);
  return haproxySettingsSchema.parse(saved === undefined ? {} : JSON.parse(saved));
}

export interface CurrentConfig {
  readonly config: string;
  readonly version: HaproxyVersion;
  readonly servers: number;
}

/** The configuration for the membership as it is now, for the version of the settings unless another is asked for. */
export function currentConfig(db: StateDb, source: HaproxySource, wanted?: HaproxyVersion): CurrentConfig {
  const settings = currentSettings(db);
  const version = wanted ?? settings.version;
  const model = buildModel({ clusterName: source.clusterName(db), settings, nodes: source.nodes(db) });
  return { config: renderConfig(model, version), version, servers: model.backend.servers.length };
}

export interface RevisionInput extends CurrentConfig {
  readonly settingsEtag: string;
  readonly reason: string;
}

/** The revision to record with `recordRevision`, or null when the last one still says what is true. */
export function planRevision(db: StateDb, source: HaproxySource): RevisionInput | null {
  const current = currentConfig(db, source);
  const last = db.select().from(haproxyRevisions).orderBy(desc(haproxyRevisions.revision)).limit(1).get();
  if (last?.config === current.config) return null;
  const etag = settingsEtag(db);
  return { ...current, settingsEtag: etag, reason: reasonOf(current.config, etag, last) };
}

const withoutComments = (config: string): string => config.replace(/^#.*\n/gm, '');

function reasonOf(config: string, etag: string, last: typeof haproxyRevisions.$inferSelect | undefined): string {
  if (!last) return 'the first configuration';
  if (withoutComments(config) === withoutComments(last.config)) return 'the comments changed';
  return last.settingsEtag === etag ? 'the membership changed' : 'the settings changed';
}
