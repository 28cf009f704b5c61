import { RETENTION_DEFAULTS } from '@quorate/shared/retention';
import fc from 'fast-check';
import { sha256Hex } from '../lib/hash';
import { memberInputs } from './member-inputs';
import { smallId } from './small-ids';
import { workInputs } from './work-inputs';

// Few ids and names, so that commands meet: taken names, deleted users, revoked tokens.

/** Proposers make ids from chance: no two commands bring the same. `numbered` puts running ones in. */
const newId = fc.constant('new');
export const NEW_ID_FIELDS = ['id', 'userId'] as const;
const role = fc.constantFrom('viewer', 'operator', 'admin');
export const name = fc.constantFrom('ada', 'bob', 'cyd');
const memberId = fc.integer({ min: 1, max: 3 });
const term = fc.integer({ min: 1, max: 9 });
const backupFile = {
  bytes: fc.nat(),
  sha256: fc.constant(sha256Hex('backup')),
  epoch: fc.nat({ max: 9 }),
  index: fc.nat({ max: 99 }),
  lastChangeAt: fc.nat({ max: 10_000 }),
  schemaVersion: fc.constant(3),
  clusterId: smallId,
};
const backupTarget = fc.oneof(fc.constant('local'), smallId);
const backupIds = fc.array(smallId, { minLength: 1, maxLength: 3 });
const passwordHash = fc.constantFrom('$argon2id$one', '$argon2id$two');

const jwe = fc.constantFrom('a', 'b');
const secretName = fc.constantFrom('session_key', 'ca_key', 'ada');
const keyId = fc.constantFrom('0000000000000001', '0000000000000002');
const stage = fc.constantFrom('trusting', 'reissuing', 'dropping');

const connectorClaimant = { nodeId: memberId, session: smallId };
const connectorHeld = { ...connectorClaimant, generation: fc.constantFrom(1, 2, 1_000_001, 1_000_002) };
const takeoverReason = fc.constantFrom('shutdown', 'node_lost', 'upstream_lost');

const jobSpec = fc.constantFrom(
  { kind: 'backup', target: 'local', note: '', node_id: null },
  { kind: 'service.restart', services: [] },
  { kind: 'exec', command: 'true', args: [], env: {}, stdin: '', timeout_seconds: 60, labels: {} },
);
const retries = { maxAttempts: fc.integer({ min: 1, max: 3 }), backoffMs: fc.nat({ max: 2_000 }) };
const jobSchedule = {
  ...{ name, enabled: fc.boolean(), cron: fc.constantFrom('* * * * *', '0 * * * *'), timeZone: fc.constant('UTC') },
  ...{ spec: jobSpec, priority: fc.integer({ min: -1, max: 1 }), ...retries },
  ...{ overlap: fc.constantFrom('skip', 'allow'), missed: fc.constantFrom('run_latest', 'skip') },
};
const attemptNumber = fc.integer({ min: 1, max: 2 });
const jobEnd = fc.record({
  outcome: fc.constantFrom('succeeded', 'failed', 'timed_out', 'cancelled', 'lost'),
  exitCode: fc.option(fc.nat({ max: 3 })),
  signal: fc.constant(null),
  error: name,
  outputTail: name,
  outputBytes: fc.nat({ max: 9 }),
});

/** Inputs of each command, that meet one another: by type. */
export const commandInputs: Record<string, fc.Arbitrary<unknown>> = {
  ...memberInputs,
  ...workInputs,
  'failover.probe': fc.constant({}),
  'requests.claim': fc.record({ attempt: fc.uuid(), node: memberId }),
  'requests.answer': fc.record({ answer: fc.option(fc.constant('{}')) }),
  'retention.set': fc.record({
    events: fc.constantFrom(RETENTION_DEFAULTS.events, RETENTION_DEFAULTS.events + 1),
    audit: fc.constant(RETENTION_DEFAULTS.audit),
  }),
  'haproxy.settings.replace': fc.record({
    settings: fc.constantFrom('{}', '{"balance":"source"}', '{"services":[{"service":"web","bind":":80"}]}'),
  }),
  'haproxy.revision.record': fc.record({
    config: fc.constantFrom('global', 'defaults'),
    version: fc.constant('2.6'),
    servers: fc.nat({ max: 3 }),
    settingsEtag: fc.constant('"0"'),
    reason: name,
  }),
  'jobs.submit': fc.record({
    jobs: fc.array(fc.record({ id: newId, spec: jobSpec, priority: fc.integer({ min: -1, max: 1 }), ...retries }), {
      ...{ minLength: 1, maxLength: 3 },
    }),
  }),
  'jobs.assign': fc.record({ limit: fc.integer({ min: 1, max: 5 }) }),
  'jobs.start_core': fc.constant({}),
  'jobs.report': fc.record({
    runnerId: fc.constant('core'),
    reports: fc.array(
      fc.oneof(
        fc.record({ id: smallId, attempt: attemptNumber, step: fc.constant('started') }),
        fc.record({
          id: smallId,
          attempt: attemptNumber,
          step: fc.constant('finished'),
          began: fc.boolean(),
          end: jobEnd,
          handedBack: fc.option(fc.constantFrom('', 'no space is left'), { nil: undefined }),
        }),
      ),
      { minLength: 1, maxLength: 6 },
    ),
  }),
  'jobs.lost': fc.record({ id: smallId, attempt: attemptNumber, runnerId: fc.constant('core'), reason: name }),
  'jobs.prune': fc.record({ limit: fc.integer({ min: 1, max: 9 }) }),
  'jobs.cancel': fc.record({ id: smallId }),
  'jobs.retry': fc.record({ id: smallId }),
  'jobs.retry_dead_letters': fc.record({
    kind: fc.option(fc.constantFrom('exec', 'backup')),
    scheduleId: fc.option(smallId),
    before: fc.option(fc.nat({ max: 10_000 })),
    limit: fc.integer({ min: 1, max: 9 }),
  }),
  'job_schedules.create': fc.record({ id: newId, ...jobSchedule }),
  'job_schedules.update': fc.record({ id: smallId, ...jobSchedule }),
  'job_schedules.enable': fc.record({ id: smallId, enabled: fc.boolean() }),
  'job_schedules.delete': fc.record({ id: smallId }),
  'job_schedules.run': fc.record({ id: smallId, jobId: fc.uuid() }),
  'job_schedules.run_due': fc.record({
    id: smallId,
    jobId: fc.uuid(),
    dueAt: fc.nat({ max: 10_000 }),
    missed: fc.nat({ max: 2 }),
    revision: fc.integer({ min: 1, max: 3 }),
  }),
  'cluster.initialize': fc.record({
    clusterId: smallId,
    name,
    caCert: fc.constant('pem'),
    secrets: fc.uniqueArray(fc.record({ name: secretName, jwe }), {
      maxLength: 2,
      selector: (secret) => secret.name,
    }),
  }),
  'cluster.setup': fc.record({ name, userId: newId, username: name, passwordHash }),
  'cluster.restore': fc.record({
    operationId: smallId,
    kind: fc.constantFrom('restore', 'init'),
    source: name,
    sha256: fc.constant(sha256Hex('file')),
    epoch: fc.integer({ min: 1, max: 9 }),
    fileEpoch: fc.nat({ max: 9 }),
    fileIndex: fc.nat({ max: 99 }),
  }),
  'members.demote': fc.record({ id: memberId }),
  'replicas.checkpoint': fc.record({ phase: fc.constantFrom('arm', 'take') }),
  'cluster.recover': fc.record({ nodeId: memberId, epoch: fc.integer({ min: 1, max: 9 }), source: name }),
  'users.create': fc.record({ id: newId, username: name, role, passwordHash }),
  'users.update': fc.record({ id: smallId, role, passwordHash, keepSession: smallId }, { requiredKeys: ['id'] }),
  'users.reset_admin': fc.record({ id: newId, username: name, passwordHash }),
  'users.delete': fc.record({ id: smallId }),
  'api_tokens.create': fc.record({
    id: newId,
    name,
    role,
    hint: fc.constant('qa_x'),
    hash: fc.constant('new'),
    ttlMs: fc.option(fc.nat()),
  }),
  'api_tokens.delete': fc.record({ id: smallId }),
  'session.create': fc.record({ username: name, address: fc.constantFrom('', '192.0.2.1') }),
  'session.revoke': fc.record({ id: smallId, expiresAt: fc.nat({ max: 10_000 }) }),
  'join_tokens.create': fc.record({
    id: newId,
    hash: fc.constant('new'),
    kind: fc.constantFrom('cluster', 'runner'),
    maxUses: fc.integer({ min: 1, max: 3 }),
    nodeName: fc.option(fc.constantFrom('n1', 'n2')),
    nodeId: fc.option(fc.integer({ min: 1, max: 63 })),
    allowedCidrs: fc.constant([]),
    ttlMs: fc.integer({ min: 60_000, max: 86_400_000 }),
  }),
  'join_tokens.revoke': fc.record({ id: smallId }),
  'webhooks.create': fc.record({
    id: newId,
    name,
    url: fc.constant('https://example.com/'),
    types: fc.constantFrom([], ['user.*']),
    enabled: fc.boolean(),
    secretJwe: fc.constant('jwe'),
  }),
  'webhooks.update': fc.record({ id: smallId, name, enabled: fc.boolean() }, { requiredKeys: ['id'] }),
  'webhooks.delete': fc.record({ id: smallId }),
  'webhooks.replay': fc.record({ id: smallId, seq: fc.option(fc.integer({ min: 1, max: 9 })) }),
  'webhooks.report': fc.record({
    id: smallId,
    failing: fc.option(fc.constant('HTTP 500')),
    deliveries: fc.array(
      fc.record({
        seq: fc.integer({ min: 1, max: 9 }),
        eventId: fc.constant('e'),
        eventType: fc.constant('user.created'),
        state: fc.constantFrom('delivered', 'dead'),
        attempts: fc.nat({ max: 5 }),
        httpStatus: fc.option(fc.constant(500)),
        error: fc.constantFrom('', 'HTTP 500'),
        durationMs: fc.nat({ max: 100 }),
        event: fc.option(fc.constant('{}')),
      }),
      { maxLength: 3 },
    ),
  }),
  'backups.create': fc.record({ id: newId, nodeId: memberId, target: backupTarget, note: name, version: name }),
  'backups.start_due': fc.record({
    id: newId,
    nodeId: memberId,
    dueAt: fc.nat({ max: 10_000 }),
    missed: fc.nat({ max: 2 }),
    revision: fc.integer({ min: 1, max: 3 }),
    version: name,
  }),
  'backups.report': fc.record({
    id: smallId,
    nodeId: memberId,
    stage: fc.constantFrom('copying', 'storing'),
    percent: fc.integer({ min: 0, max: 100 }),
  }),
  'backups.complete': fc.record({
    id: smallId,
    nodeId: memberId,
    ...backupFile,
  }),
  'backups.fail': fc.record({ id: smallId, code: fc.constant('internal'), detail: name }),
  'backups.delete': fc.record({ ids: backupIds, reason: fc.constantFrom('request', 'retention') }),
  'backups.forget': fc.record({ ids: backupIds }),
  'backups.note_safety': fc.record({
    nodeId: memberId,
    found: fc.array(
      fc.record({
        id: smallId,
        file: name,
        version: name,
        madeAt: fc.nat({ max: 10_000 }),
        ...backupFile,
      }),
      { maxLength: 2 },
    ),
    gone: fc.array(smallId, { maxLength: 2 }),
  }),
  'backups.verify': fc.record({ id: smallId, nodeId: memberId }),
  'backups.report_verification': fc.record({
    id: smallId,
    state: fc.constantFrom('ok', 'failed', 'none'),
    detail: name,
  }),
  'backups.set_schedule': fc.record({
    enabled: fc.boolean(),
    cron: fc.constantFrom('0 3 * * *', '* * * * *'),
    timeZone: fc.constant('UTC'),
    target: backupTarget,
    keepCount: fc.nat({ max: 3 }),
    keepDays: fc.nat({ max: 3 }),
  }),
  'backups.set_encryption': fc.record({
    mode: fc.constantFrom('none', 'passphrase', 'recipients'),
    recipients: fc.constantFrom([], ['age1x']),
    passphraseJwe: fc.option(fc.constant('jwe')),
  }),
  'backups.create_target': fc.record({
    id: newId,
    name,
    endpoint: fc.constant('https://example.com'),
    region: name,
    bucket: name,
    prefix: fc.constant(''),
    accessKeyId: name,
    secretJwe: fc.constant('jwe'),
  }),
  'backups.update_target': fc.record({ id: smallId, name, prefix: name }, { requiredKeys: ['id'] }),
  'backups.delete_target': fc.record({ id: smallId, forget: fc.boolean() }),
  'keys.rotate_session_key': fc.record({
    from: jwe,
    fromId: keyId,
    to: jwe,
    acceptMs: fc.option(fc.integer({ min: 1, max: 5_000 })),
  }),
  'keys.forget_session_keys': fc.constant({}),
  'keys.rotate_cluster_key': fc.record({
    fromId: keyId,
    toId: keyId,
    copies: fc.uniqueArray(fc.record({ nodeId: memberId, wrapped: jwe }), {
      minLength: 1,
      maxLength: 3,
      selector: (copy) => copy.nodeId,
    }),
    secrets: fc.array(
      fc.record({ store: fc.constant('cluster_secrets.jwe'), id: secretName, from: jwe, to: fc.option(jwe) }),
      { maxLength: 2 },
    ),
    deriveKey: fc.option(jwe),
  }),
  'keys.report': fc.record({
    certPem: jwe,
    issuer: fc.constantFrom('', 'sha256:0'),
    trusts: fc.constantFrom([], ['sha256:0']),
    clusterKeyId: keyId,
  }),
  'keys.start_ca_rotation': fc.record({
    operationId: smallId,
    caCert: fc.constant('pem'),
    keyJwe: jwe,
    hold: fc.boolean(),
  }),
  'keys.continue_ca_rotation': fc.record({ operationId: smallId }),
  'keys.give_ca_turn': fc.record({
    operationId: smallId,
    stage: fc.constantFrom('trusting', 'dropping'),
    nodeId: memberId,
  }),
  'keys.advance_ca_rotation': fc.record({ operationId: smallId, from: stage }),
  'haproxy.balancers.report': fc.record({
    name: fc.constantFrom('lb-1', 'lb-2'),
    report: fc.record({
      etag: fc.constantFrom(null, `"${'0'.repeat(32)}"`),
      made_for: fc.constantFrom(null, '2.6'),
      state: fc.constantFrom('applied', 'rejected', 'reload_failed'),
      detail: name,
      via: fc.constantFrom('reload', 'runtime', 'file'),
      haproxy_version: fc.constant('2.6.12'),
    }),
    trusted: fc.boolean(),
  }),
  'haproxy.balancers.remove': fc.record({ name: fc.constantFrom('lb-1', 'lb-2') }),
  'leadership.record': fc.record({ nodeId: memberId, term }),
  'failover.announce': fc.record({
    fromNode: memberId,
    reason: fc.constantFrom('transfer', 'drain'),
    requestedBy: name,
  }),
  'failover.record': fc.record({
    term,
    seen: fc.constantFrom('crash', 'unknown'),
    writeGapMs: fc.option(fc.nat({ max: 500 })),
    measuredFrom: fc.option(fc.constantFrom('last_write', 'leader_last_seen')),
  }),
  'leadership.transfer': fc.record({ from: memberId, to: memberId, term, duration_ms: fc.nat({ max: 500 }) }),
  'failover.test': fc.record({ term, fromNode: memberId, toNode: memberId, probeGapMs: fc.nat({ max: 500 }) }),
  'connector.set': fc.record({
    enabled: fc.boolean(),
    url: fc.constantFrom('', 'wss://upstream.example/gateway'),
    ha_enabled: fc.boolean(),
    role,
    ca_cert: fc.constant(''),
    ifMatch: fc.constantFrom(null, '"default"'),
  }),
  'connector.claim': fc.record({
    ...connectorClaimant,
    from: fc.constantFrom(0, 0, 1, 1_000_001),
    seen: takeoverReason,
  }),
  'connector.release': fc.record({
    ...connectorHeld,
    reason: takeoverReason,
    settled: fc.boolean(),
    preferred: fc.option(memberId),
  }),
  'connector.connected': fc.record({ ...connectorHeld, gapMs: fc.option(fc.nat({ max: 5_000 })) }),
  'connector.disconnected': fc.record({ ...connectorHeld, detail: fc.constant('reset') }),
};
