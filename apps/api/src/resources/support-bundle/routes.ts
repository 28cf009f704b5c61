import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGzip } from 'node:zlib';
import { supportRoutes } from '@quorate/shared/support';
import { desc } from 'drizzle-orm';
import { type Pack, pack } from 'tar-stream';
import type { StateDb } from '../../db/state-store';
import { audit } from '../../db/system-table';
import { type EventLog, LAST_PLACE } from '../../events/event-log';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { type Clock, toTimestamp } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { webhooks } from '../webhooks/table';
import { redactSecrets } from './redact';

export interface SupportBundleDeps {
  readonly nodeId: number;
  readonly version: string;
  readonly clock: Clock;
  readonly eventLog: EventLog;
  /** The effective configuration with origins; its own secrets redacted already. */
  readonly configText: () => string;
  /** Facts that only the wiring knows, by file name without `.json`. */
  readonly facts: () => Readonly<Record<string, unknown>>;
  readonly metricsText: () => Promise<string>;
  readonly logTail: () => readonly string[];
  /** Secrets that no pattern can tell, such as the setup code. */
  readonly knownSecrets: () => readonly string[];
}

const LAST_EVENTS = 1_000;
const LAST_AUDIT = 1_000;
/** No part is larger than this; what is cut is its beginning, since the end is what happened last. */
const MAX_PART_CHARS = 4 * 1024 * 1024;

type Part = readonly [name: string, make: () => string | Promise<string>];

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const jsonLines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Only where a webhook goes to: what stands behind the host is often a secret. */
const viewWebhooks = (db: StateDb) =>
  db
    .select()
    .from(webhooks)
    .orderBy(webhooks.name)
    .all()
    .map(({ name, url, types, enabled, cursor, failingSince, lastError }) => {
      const { origin } = new URL(url);
      return { name, origin, types, enabled, cursor, failingSince, lastError: redactUrl(lastError, url) };
    });

const redactUrl = (text: string, url: string): string => text.replaceAll(url, new URL(url).origin);

function partsOf(deps: SupportBundleDeps, db: StateDb): Part[] {
  const about = {
    made_at: toTimestamp(deps.clock()),
    node_id: deps.nodeId,
    version: deps.version,
    node: process.versions,
    platform: `${process.platform} ${process.arch}`,
    uptime_seconds: Math.round(process.uptime()),
    memory: process.memoryUsage(),
  };
  const lastAudit = () => db.select().from(audit).orderBy(desc(audit.seq)).limit(LAST_AUDIT).all().reverse();
  const lastEvents = () => deps.eventLog.list({}, LAST_PLACE, LAST_EVENTS).map(({ event }) => event);
  return [
    ['about.json', () => json(about)],
    ['config.yaml', deps.configText],
    ...Object.entries(deps.facts()).map(([name, value]): Part => [`${name}.json`, () => json(value)]),
    ['events.jsonl', () => jsonLines(lastEvents().reverse())],
    ['audit.jsonl', () => jsonLines(lastAudit())],
    ['webhooks.json', () => json(viewWebhooks(db))],
    ['metrics.txt', deps.metricsText],
    [
      'log.jsonl',
      () =>
        deps
          .logTail()
          .map((line) => `${line}\n`)
          .join(''),
    ],
  ];
}

async function addParts(into: Pack, folder: string, parts: readonly Part[], known: readonly string[], mtime: Date) {
  for (const [name, make] of parts) {
    let text: string;
    try {
      text = await make();
    } catch (error) {
      // A node in trouble is the one whose bundle is wanted: the other parts come all the same.
      text = `this part could not be made: ${error instanceof Error ? error.message : String(error)}\n`;
    }
    const clean = Buffer.from(redactSecrets(text.slice(-MAX_PART_CHARS), known));
    into.entry({ name: `${folder}/${name}`, mode: 0o600, mtime, size: clean.length }, clean);
  }
  into.finalize();
}

/** The archive as a stream: made part by part, as fast as it is read. */
function bundleStream(deps: SupportBundleDeps, db: StateDb, folder: string, logger: Logger): ReadableStream {
  const archive = pack();
  const zipped = createGzip();
  pipeline(archive, zipped).catch((error: unknown) => logger.debug({ err: error }, 'a support bundle was cut short'));
  const known = deps.knownSecrets();
  addParts(archive, folder, partsOf(deps, db), known, new Date(deps.clock())).catch((error: unknown) =>
    archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.toWeb(zipped);
}

export function supportBundleEndpoints(deps: SupportBundleDeps): Endpoint[] {
  return [
    endpoint(supportRoutes.bundle, (ctx) => {
      const stamp = toTimestamp(deps.clock()).slice(0, 19).replaceAll(/[-:]/g, '');
      const folder = `quorate-support-node-${deps.nodeId}-${stamp}`;
      ctx.logger.info({ actor: ctx.actor.name }, 'a support bundle is made');
      const headers = {
        'content-type': 'application/gzip',
        'content-disposition': `attachment; filename="${folder}.tar.gz"`,
        'cache-control': 'no-store',
      };
      return new Response(bundleStream(deps, ctx.db, folder, ctx.logger) as never, { headers });
    }),
  ];
}
