import { nodeId } from '@quorate/shared/names';
import { eq, isNull, lte } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { clusterKeyId, requireSealed } from '../../resources/setup/sealed';
import { clusterInfo, clusterKey, clusterSecrets } from '../../resources/setup/table';
import { joinTokens } from '../join-tokens/table';
import { SECRET } from '../keyring';
import { liveMembers } from '../members/admission';
import { nextStage, pendingMembers, refuseDuringCaRotation, runningCaRotation } from './ca-progress';
import { SEALED_STORES, sealedSecrets } from './sealed';
import { type CaRotation, caRotation, clusterKeyCopies, nodeKeys, retiredSessionKeys } from './table';

const keyId = z.string().regex(/^[0-9a-f]{16}$/);
const jwe = z.string().max(8192);

/** Another rotation came first: what this one was made from is not there any more. */
const raced = (what: string): DomainError =>
  new DomainError('conflict', `${what} changed meanwhile; look again, then repeat`, [], 1);

/** The key that signs sessions. The one before it is accepted for `acceptMs`; null = it is forgotten at once. */
export const rotateSessionKey = defineCommand({
  type: 'keys.rotate_session_key',
  since: 1,
  input: z.object({ from: jwe, fromId: keyId, to: jwe, acceptMs: z.int().positive().nullable() }),
  apply(tx, input, ctx) {
    requireSealed(tx, input.to);
    const name = SECRET.sessionKey;
    const current = tx.select().from(clusterSecrets).where(eq(clusterSecrets.name, name)).get();
    if (current?.jwe !== input.from) throw raced('the session key');
    if (input.acceptMs === null) tx.delete(retiredSessionKeys).run();
    else retire(tx, { id: input.fromId, jwe: current.jwe, createdAt: current.updatedAt }, ctx.at + input.acceptMs);
    tx.delete(retiredSessionKeys).where(lte(retiredSessionKeys.acceptedUntil, ctx.at)).run();
    tx.update(clusterSecrets).set({ jwe: input.to, updatedAt: ctx.at }).where(eq(clusterSecrets.name, name)).run();
    const sessions = input.acceptMs === null ? 'all sessions ended' : 'sessions go on until they expire';
    ctx.event('keys.session_key_rotated', `${ctx.actor.name} rotated the session key; ${sessions}`);
  },
});

function retire(tx: StateDb, key: { id: string; jwe: string; createdAt: number }, acceptedUntil: number): void {
  const row = { ...key, acceptedUntil };
  tx.insert(retiredSessionKeys).values(row).onConflictDoUpdate({ target: retiredSessionKeys.id, set: row }).run();
}

/** Forgets retired session keys whose last session has expired. */
export const forgetSessionKeys = defineCommand({
  type: 'keys.forget_session_keys',
  since: 1,
  audited: false,
  input: z.object({}),
  apply(tx, _input, ctx) {
    tx.delete(retiredSessionKeys).where(lte(retiredSessionKeys.acceptedUntil, ctx.at)).run();
  },
});

/**
 * A new cluster key: every secret encrypted under it instead of the old one, and a copy of it for each member. All or
 * nothing: a secret or a member that came or went since it was prepared refuses it.
 */
export const rotateClusterKey = defineCommand({
  type: 'keys.rotate_cluster_key',
  since: 1,
  input: z.object({
    fromId: keyId,
    toId: keyId,
    copies: z.array(z.object({ nodeId, wrapped: jwe })).min(1),
    secrets: z.array(
      z.object({
        store: z.string(),
        id: z.string(),
        from: jwe,
        /** Null = it could not be opened with the old key either, and stays as it is. */
        to: jwe.nullable(),
      }),
    ),
    /** What was derived from the first cluster key, once it is replaced. */
    deriveKey: jwe.nullable(),
  }),
  target: (input) => input.toId,
  apply(tx, input, ctx) {
    const current = clusterKeyId(tx);
    if (current !== undefined && current !== input.fromId) throw raced('the cluster key');
    const members = liveMembers(tx).map((member) => member.id);
    const copied = input.copies.map((copy) => copy.nodeId).sort((a, b) => a - b);
    if (members.join() !== copied.join()) throw raced('the membership');
    rewrap(tx, input.secrets);
    if (input.deriveKey !== null) {
      const row = { name: SECRET.deriveKey, jwe: input.deriveKey, updatedAt: ctx.at };
      tx.insert(clusterSecrets).values(row).onConflictDoNothing().run();
    }
    tx.delete(clusterKeyCopies).run();
    tx.insert(clusterKeyCopies).values(input.copies).run();
    const row = { id: 1, keyId: input.toId, createdAt: ctx.at };
    tx.insert(clusterKey).values(row).onConflictDoUpdate({ target: clusterKey.id, set: row }).run();
    const count = input.secrets.length;
    const message = `${ctx.actor.name} rotated the cluster key; ${count} secrets are under the new one`;
    ctx.event('keys.cluster_key_rotated', message, { key: input.toId });
  },
});

type Rewrapped = { store: string; id: string; from: string; to: string | null };

function rewrap(tx: StateDb, secrets: readonly Rewrapped[]): void {
  const key = (one: { store: string; id: string }, text: string): string => JSON.stringify([one.store, one.id, text]);
  const now = sealedSecrets(tx).map((secret) => key(secret, secret.jwe));
  const expected = new Set(secrets.map((secret) => key(secret, secret.from)));
  if (now.length !== expected.size || !now.every((one) => expected.has(one))) throw raced('a secret');
  for (const { store, id, to } of secrets) if (to !== null) SEALED_STORES[store]?.replace(tx, id, to);
}

/** What a member says of its keys; only the node that proposes it is changed. */
export const reportKeys = defineCommand({
  type: 'keys.report',
  since: 1,
  audited: false,
  input: z.object({
    certPem: z.string().max(16_384),
    issuer: z.string().max(80),
    trusts: z.array(z.string().max(80)).max(8),
    clusterKeyId: keyId,
  }),
  apply(tx, input, ctx) {
    const member = liveMembers(tx).find(({ id }) => id === ctx.nodeId);
    if (!member) throw new DomainError('not_found', `there is no member ${ctx.nodeId}`);
    const before = tx.select().from(nodeKeys).where(eq(nodeKeys.nodeId, ctx.nodeId)).get();
    const row = { ...input, nodeId: ctx.nodeId, reportedAt: ctx.at };
    tx.insert(nodeKeys).values(row).onConflictDoUpdate({ target: nodeKeys.nodeId, set: row }).run();
    if (!before || before.certPem === input.certPem) return;
    const message = `${member.name} (node ${member.id}) has a new certificate`;
    ctx.event('keys.certificate_renewed', message, { node: member.id });
  },
});

/** Begins to replace the CA. Join tokens pin the old one, so they end with it. */
export const startCaRotation = defineCommand({
  type: 'keys.start_ca_rotation',
  since: 1,
  input: z.object({ operationId: z.uuid(), caCert: z.string().max(16_384), keyJwe: jwe, hold: z.boolean() }),
  target: (input) => input.operationId,
  apply(tx, input, ctx) {
    requireSealed(tx, input.keyJwe);
    refuseDuringCaRotation(tx);
    const info = tx.select().from(clusterInfo).get();
    if (!info) throw new DomainError('not_ready', 'this node has no cluster state yet; try again shortly', [], 1);
    const joining = liveMembers(tx).find((member) => member.state !== 'voter');
    if (joining) {
      const detail = `${joining.name} (node ${joining.id}) is joining; wait until it votes, or remove it`;
      throw new DomainError('membership_change_in_progress', detail, [], 5);
    }
    tx.update(joinTokens).set({ revokedAt: ctx.at }).where(isNull(joinTokens.revokedAt)).run();
    const row: CaRotation = {
      id: 1,
      operationId: input.operationId,
      stage: 'trusting',
      oldCaCert: info.caCert,
      newCaCert: input.caCert,
      newKeyJwe: input.keyJwe,
      turnNode: null,
      hold: input.hold,
      requestedBy: ctx.actor.name,
      startedAt: ctx.at,
      stageAt: ctx.at,
    };
    tx.insert(caRotation).values(row).onConflictDoUpdate({ target: caRotation.id, set: row }).run();
    const message = `${ctx.actor.name} began to replace the CA; join tokens from before are revoked`;
    ctx.event('keys.ca_rotation_started', message, { operation: input.operationId });
  },
});

/** Which member may restart its etcd. Given already, or out of date, changes nothing. */
export const giveCaTurn = defineCommand({
  type: 'keys.give_ca_turn',
  since: 1,
  audited: false,
  input: z.object({ operationId: z.uuid(), stage: z.enum(['trusting', 'dropping']), nodeId }),
  apply(tx, input) {
    const rotation = runningCaRotation(tx);
    if (rotation?.operationId !== input.operationId || rotation.stage !== input.stage) return;
    const pending = pendingMembers(tx, rotation);
    // One at a time: whoever has the turn keeps it until it is done or removed.
    if (pending.includes(rotation.turnNode ?? 0) || !pending.includes(input.nodeId)) return;
    tx.update(caRotation).set({ turnNode: input.nodeId }).where(eq(caRotation.id, 1)).run();
  },
});

/** The next stage, when every member has followed. Out of date changes nothing. */
export const advanceCaRotation = defineCommand({
  type: 'keys.advance_ca_rotation',
  since: 1,
  audited: false,
  input: z.object({ operationId: z.uuid(), from: z.enum(['trusting', 'reissuing', 'dropping']) }),
  apply(tx, input, ctx) {
    const rotation = runningCaRotation(tx);
    if (rotation?.operationId !== input.operationId || rotation.stage !== input.from) return;
    if (pendingMembers(tx, rotation).length > 0) return;
    enter(tx, rotation, nextStage(rotation), ctx);
  },
});

/** People say that load balancers and clients trust the new CA. */
export const continueCaRotation = defineCommand({
  type: 'keys.continue_ca_rotation',
  since: 1,
  input: z.object({ operationId: z.uuid() }),
  target: (input) => input.operationId,
  apply(tx, input, ctx) {
    const rotation = runningCaRotation(tx);
    if (rotation?.operationId !== input.operationId) throw raced('the change of the CA');
    if (rotation.stage !== 'ready') {
      throw new DomainError('conflict', `it does not wait for you: it is ${rotation.stage}; look again in a moment`);
    }
    enter(tx, rotation, 'reissuing', ctx);
  },
});

function enter(tx: StateDb, rotation: CaRotation, stage: Exclude<CaRotation['stage'], 'trusting'>, ctx: ApplyContext) {
  if (stage === 'reissuing') takeOver(tx, rotation, ctx);
  const newKeyJwe = stage === 'ready' ? rotation.newKeyJwe : null;
  tx.update(caRotation).set({ stage, turnNode: null, stageAt: ctx.at, newKeyJwe }).where(eq(caRotation.id, 1)).run();
  const data = { operation: rotation.operationId, stage };
  if (stage === 'finished') ctx.event('keys.ca_rotated', 'the CA was replaced; the old one is worth nothing', data);
  else ctx.event('keys.ca_rotation_stage', STAGE_MESSAGES[stage], data);
}

const STAGE_MESSAGES = {
  ready: 'every member trusts the new CA as well; it waits until load balancers and clients do',
  reissuing: 'every member trusts the new CA as well; each gets a certificate of it',
  dropping: 'every member has a certificate of the new CA; each stops to trust the old one',
} as const;

/** From here on certificates are signed by the new CA, which everybody trusts by now. */
function takeOver(tx: StateDb, rotation: CaRotation, ctx: ApplyContext): void {
  tx.update(clusterInfo).set({ caCert: rotation.newCaCert }).where(eq(clusterInfo.id, 1)).run();
  if (rotation.newKeyJwe === null) return;
  tx.update(clusterSecrets)
    .set({ jwe: rotation.newKeyJwe, updatedAt: ctx.at })
    .where(eq(clusterSecrets.name, SECRET.caKey))
    .run();
}

export const keyCommands = [
  rotateSessionKey,
  forgetSessionKeys,
  rotateClusterKey,
  reportKeys,
  startCaRotation,
  giveCaTurn,
  advanceCaRotation,
  continueCaRotation,
];
