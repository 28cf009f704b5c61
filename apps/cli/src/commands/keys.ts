import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '@quorate/shared/client';
import {
  type CaRotationStage,
  type CaRotationView,
  type Certificate,
  type Keys,
  keyRoutes,
} from '@quorate/shared/keys';
import type { Command } from 'commander';
import { updateConfig } from '../config-store';
import { formatDuration, relativeTime, utcTime } from '../duration';
import { type Invocation, openInvocation } from '../invocation';
import { type Colors, type Column, fieldsText, recordView, tableText, type View } from '../output';
import type { Run } from '../register';

const POLL_MS = 500;
/** Members restart their etcd one by one; a node that does may be silent for a moment. */
const SILENCE_MS = 60_000;

const STAGES: Record<CaRotationStage, string> = {
  trusting: 'every member learns to trust the new CA beside the old one',
  ready: 'it waits until load balancers and clients trust the new CA',
  reissuing: 'every member gets a certificate of the new CA',
  dropping: 'every member stops to trust the old CA',
  finished: 'done',
};

const paintState = (text: string, state: string, colors: Colors): string =>
  state === 'ok' ? colors.green(text) : state === 'expired' ? colors.red(text) : colors.yellow(text);

const CERTIFICATES: readonly Column<Certificate>[] = [
  { header: 'CERTIFICATE', value: (c) => c.subject },
  { header: 'STATE', value: (c) => c.state, paint: (text, c, colors) => paintState(text, c.state, colors) },
  { header: 'EXPIRES', value: (c) => utcTime(c.not_after) },
  { header: 'RENEWS', value: (c) => (c.renews_at === null ? null : relativeTime(c.renews_at, Date.now())) },
  { header: 'FINGERPRINT', value: (c) => c.fingerprint },
];

const SESSION_KEYS: readonly Column<Keys['session_keys'][number]>[] = [
  { header: 'SESSION KEY', value: (k) => k.id },
  { header: 'STATE', value: (k) => k.state },
  { header: 'AGE', value: (k) => formatDuration(k.age_seconds * 1000) },
  { header: 'NEXT', value: nextOf },
];

function nextOf(key: Keys['session_keys'][number]): string {
  if (key.accepted_until !== null) return `forgotten ${relativeTime(key.accepted_until, Date.now())}`;
  return `replaced ${relativeTime(key.rotates_at, Date.now())}`;
}

function rotationFields(rotation: CaRotationView): [string, string][] {
  return [
    ['CA rotation', `${rotation.state}, ${rotation.percent}% (${STAGES[rotation.stage]})`],
    ['members', rotation.nodes.map(({ name, state }) => `${name} ${state}`).join(', ')],
    ...(rotation.waiting_for ? [['waiting', rotation.waiting_for] as [string, string]] : []),
    ['new CA', rotation.new_fingerprint],
    ['requested', `${rotation.requested_by}, ${utcTime(rotation.started_at)}`],
  ];
}

function keysText(keys: Keys, colors: Colors): string {
  const key = keys.cluster_key;
  const missing = key.missing_on.length > 0 ? `; not yet on node ${key.missing_on.join(', ')}` : '';
  const age = formatDuration(key.age_seconds * 1000);
  const fields: [string, string][] = [
    ['cluster key', `${key.id}, age ${age}, ${key.secrets} secrets${missing}`],
    ...(keys.ca_rotation ? rotationFields(keys.ca_rotation) : []),
  ];
  const needed = keys.certificates.filter(({ state }) => state !== 'ok');
  return [
    tableText(keys.certificates, CERTIFICATES, colors),
    ...needed.map(({ subject, advice }) => colors.yellow(`${subject}: ${advice}`)),
    '',
    tableText(keys.session_keys, SESSION_KEYS, colors),
    '',
    fieldsText(fields, colors),
  ].join('\n');
}

const keysView = (keys: Keys): View => ({
  data: keys,
  names: keys.certificates.map(({ subject }) => subject),
  text: (colors) => keysText(keys, colors),
});

/** Keeps a CA that is about to take over in the context, so that the next command trusts it too. */
async function learnCa(inv: Invocation, rotation: CaRotationView | null): Promise<void> {
  const { contextName } = await inv.connection();
  if (contextName === undefined || rotation === null) return;
  const { new_ca: pem, state } = rotation;
  await updateConfig(inv.io, (config) => {
    const context = config.contexts[contextName];
    if (context?.ca === undefined) return false;
    const wanted = state === 'succeeded' ? pem : `${context.ca.replace(pem, '').trim()}\n${pem}`;
    if (context.ca === wanted || (state === 'running' && context.ca.includes(pem.trim()))) return false;
    context.ca = wanted;
    return true;
  }).catch((error: Error) => inv.warn(error.message));
}

/** Follows the change of the CA to its end, telling each stage once. */
async function follow(inv: Invocation, started: CaRotationView): Promise<CaRotationView> {
  let seen = started;
  let told = '';
  let answeredAt = performance.now();
  while (seen.state === 'running' && seen.stage !== 'ready') {
    const line = `${String(seen.percent).padStart(3)}% ${seen.waiting_for || STAGES[seen.stage]}`;
    if (told !== line) inv.note(line);
    told = line;
    await sleep(POLL_MS, undefined, { signal: inv.io.signal });
    // Its own connection each time: the one before may not trust the new CA.
    const fresh = openInvocation(inv.io, inv.globals, { local: false });
    try {
      const { operation } = await fresh.call(keyRoutes.caRotation, {});
      if (operation?.id !== started.id) return seen;
      seen = operation;
      answeredAt = performance.now();
    } catch (error) {
      if (!(error instanceof ApiError) || performance.now() - answeredAt > SILENCE_MS) throw error;
    } finally {
      await fresh.close();
    }
  }
  return seen;
}

interface CaOptions {
  wait: boolean;
  hold?: boolean;
  continue?: boolean;
}

function begin(inv: Invocation, options: CaOptions): Promise<CaRotationView> {
  if (options.continue) return inv.call(keyRoutes.continueCaRotation, {});
  return inv.call(keyRoutes.rotateCa, { body: { hold: options.hold ?? null } });
}

const HELD =
  'Every member trusts the new CA beside the old one. Give both to load balancers and clients (quorate cluster keys ca), ' +
  'then go on with: quorate cluster keys rotate ca --continue';

async function rotateCa(inv: Invocation, options: CaOptions): Promise<void> {
  if (options.continue) await inv.confirm('Do load balancers and clients trust the new CA?');
  else {
    inv.note('In a cluster, every etcd restarts twice, one after the other. Join tokens from before are revoked.');
    await inv.confirm('Replace the CA of the cluster?');
  }
  const started = await begin(inv, options);
  await learnCa(inv, started);
  const rotation = options.wait ? await follow(inv, started) : started;
  if (rotation.stage === 'ready') inv.note(HELD);
  else if (!options.wait) inv.note('It goes on by itself; look at it with: quorate cluster keys');
  await learnCa(inv, rotation);
  inv.print(recordView({ data: rotation, name: rotation.id, fields: rotationFields(rotation) }));
}

/** Adds `keys` and `keys rotate …` below `cluster`. */
export function addKeyCommands(cluster: Command, run: Run): void {
  const keys = cluster
    .command('keys')
    .description('Certificates and keys: fingerprints, ages, and what happens next')
    .action(
      run(async (inv) => {
        const data = await inv.call(keyRoutes.get, {});
        await learnCa(inv, data.ca_rotation);
        inv.print(keysView(data));
      }),
    );
  keys
    .command('ca')
    .description('The CAs to trust now (PEM), for load balancers and clients: both while one is being replaced')
    .action(
      run(async (inv) => {
        const { ca_pem: pem } = await inv.call(keyRoutes.get, {});
        inv.print({ data: { ca_pem: pem }, names: [], text: () => pem.trim() });
      }),
    );
  const rotate = keys.command('rotate').description('Replace a key of the cluster');
  rotate
    .command('session')
    .description('Sign sessions with a new key; those of the old one go on until they expire')
    .option('--end-sessions', 'end every session now')
    .action(
      run(async (inv, { endSessions = false }: { endSessions?: boolean }) => {
        if (endSessions) await inv.confirm('End every session? Everybody signs in again, you too.');
        const body = { end_sessions: endSessions };
        inv.print(keysView(await inv.call(keyRoutes.rotateSessionKey, { body })));
      }),
    );
  rotate
    .command('cluster-key')
    .description('Encrypt every secret of the state under a new key')
    .action(
      run(async (inv) => {
        await inv.confirm('Make a new cluster key?');
        inv.print(keysView(await inv.call(keyRoutes.rotateClusterKey, {})));
      }),
    );
  rotate
    .command('ca')
    .description('Replace the CA and every certificate, without downtime')
    .option('--hold', 'wait for --continue before certificates change; by default where nodes serve TLS')
    .option('--no-hold', 'do not wait: nothing but the nodes trusts the CA')
    .option('--continue', 'load balancers and clients trust the new CA: go on')
    .option('--no-wait', 'return as soon as it has begun')
    .action(run(rotateCa));
}
