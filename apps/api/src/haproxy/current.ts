import { createHash } from 'node:crypto';
import { type HaproxySettings, type HaproxyVersion, haproxySettingsSchema } from '@quorate/shared/haproxy';
import { desc, eq } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import { buildModel, type HaproxyNode, type HaproxyReplica } from './model';
import { renderConfig } from './render';
import { haproxyRevisions, haproxySettings } from './table';

/** What this part needs to know of the cluster; the node hands it in. */
export interface HaproxySource {
  clusterName(db: StateDb): string;
  /** Live core members (voters) with their advertised API addresses, drained ones included. */
  nodes(db: StateDb): readonly HaproxyNode[];
  /** Placed replicas of services that say which port to publish. */
  replicas(db: StateDb): readonly HaproxyReplica[];
  /** The port that a service publishes, by its name; empty = none, undefined = there is no such service. */
  publishedPort(db: StateDb, service: string): string | undefined;
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
  const [clusterName, nodes] = [source.clusterName(db), source.nodes(db)];
  const replicas = settings.services.length > 0 ? source.replicas(db) : [];
  const portOf = (service: string): string | undefined => source.publishedPort(db, service);
  const model = buildModel({ clusterName, settings, nodes, replicas, portOf });
  const published = model.services.reduce((sum, service) => sum + service.replicas.length, 0);
  return { config: renderConfig(model, version), version, servers: model.backend.servers.length + published };
}

export interface RevisionInput extends CurrentConfig {
  readonly settingsEtag: string;
  readonly reason: string;
}

/** Replicas come and go all the time: of what they alone change, no more than one revision in this time is kept. */
export const REPLICA_REVISION_MS = 60_000;

/** The revision to record with `recordRevision`, or null when the last one still says what is true. */
export function planRevision(db: StateDb, source: HaproxySource, now: number): RevisionInput | null {
  const current = currentConfig(db, source);
  const last = db.select().from(haproxyRevisions).orderBy(desc(haproxyRevisions.revision)).limit(1).get();
  if (last?.config === current.config) return null;
  const isFresh = last !== undefined && now - last.createdAt < REPLICA_REVISION_MS;
  if (isFresh && withoutReplicas(current.config) === withoutReplicas(last.config)) return null;
  const etag = settingsEtag(db);
  return { ...current, settingsEtag: etag, reason: reasonOf(current.config, etag, last) };
}

/** The text without the servers of services, and without the comments that follow from them. */
const withoutReplicas = (config: string): string =>
  config
    .replace(/^# (Quorate cluster .*), revision .*$/m, '$1')
    .replace(/^# WARNING: (no replica of the|there is no|the) service .*\n/gm, '')
    .replace(/^backend service_.*\n(?: .*\n)*/gm, (section) => section.replace(/^ +server .*\n/gm, ''));

const withoutComments = (config: string): string => config.replace(/^#.*\n/gm, '');

function reasonOf(config: string, etag: string, last: typeof haproxyRevisions.$inferSelect | undefined): string {
  if (!last) return 'the first configuration';
  if (withoutComments(config) === withoutComments(last.config)) return 'the comments changed';
  if (withoutReplicas(config) === withoutReplicas(last.config)) return 'replicas of services changed';
  return last.settingsEtag === etag ? 'the membership changed' : 'the settings changed';
}
