import { connectorSettingsSchema, type TakeoverReason, takeoverReason } from '@quorate/shared/connector';
import { nodeId } from '@quorate/shared/names';
import { and, eq, isNull, lt } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import { ifMatchField, requireMatch } from '../commands/precondition';
import type { StateDb } from '../db/state-store';
import { currentLease, type Lease, lastTakeovers, savedSettings, settingsEtag } from './queries';
import { connectorLease, connectorSettings, connectorTakeovers } from './table';

const ROW = 1;
const KEPT_TAKEOVERS = 200;
/** Generations of an epoch: what a recovery lost must never be given out again, so each epoch begins above the last. */
const EPOCH_STEP = 1_000_000;

export const setConnector = defineCommand({
  type: 'connector.set',
  since: 1,
  input: connectorSettingsSchema.extend({ ifMatch: ifMatchField }),
  target: () => 'connector',
  apply(tx, { ifMatch, ...settings }, ctx) {
    requireMatch(ifMatch, settingsEtag(tx));
    if (JSON.stringify(savedSettings(tx)) === JSON.stringify(settings)) return;
    const { enabled, url, role, ha_enabled: haEnabled, ca_cert: caCert } = settings;
    const row = { id: ROW, enabled, url, role, haEnabled, caCert };
    tx.insert(connectorSettings).values(row).onConflictDoUpdate({ target: connectorSettings.id, set: row }).run();
    const what = enabled ? `${url || 'as each node is configured'}, role ${role}` : 'off';
    ctx.event('connector.settings_changed', `${ctx.actor.name} set the upstream connection: ${what}`, {
      enabled,
      url,
      role,
      ha_enabled: haEnabled,
    });
  },
});

/** A process of a node. */
const claimant = { nodeId, session: z.uuid() };

function saveLease(tx: StateDb, row: Lease): void {
  tx.insert(connectorLease).values(row).onConflictDoUpdate({ target: connectorLease.id, set: row }).run();
}

/**
 * A node becomes the active one. `from`: the generation that it knows, so of several that claim at once one wins.
 * `settled` in the result: nobody else can be connected; else the claimant must wait out the proof time.
 */
export const claimConnector = defineCommand({
  type: 'connector.claim',
  since: 1,
  audited: false,
  input: z.object({ ...claimant, from: z.int().min(0), seen: takeoverReason }),
  apply(tx, input, ctx) {
    const before = currentLease(tx);
    if ((before?.generation ?? 0) !== input.from) {
      throw new DomainError(
        'conflict',
        `node ${before?.holder ?? 'none'} was faster: generation ${before?.generation}`,
      );
    }
    const holder = before?.holder ?? null;
    // A node's data directory is locked, so a new process of the holder means that the old one is gone.
    const settled = !before || ((holder === null || holder === input.nodeId) && before.settled);
    const reason = before ? reasonOf(before, input) : 'first';
    const generation = Math.max(input.from + 1, ctx.epoch * EPOCH_STEP + 1);
    const { nodeId: id, session } = input;
    endTakeover(tx, input.from, ctx.at);
    saveLease(tx, {
      ...{ id: ROW, generation, holder: id, session, settled, reason, preferred: null },
      ...{ changedAt: ctx.at, connectedAt: null },
    });
    const fromNodeId = holder ?? lastNode(tx, input.from);
    tx.insert(connectorTakeovers)
      .values({
        ...{ generation, nodeId: id, fromNodeId, reason, claimedAt: ctx.at },
        ...{ connectedAt: null, gapMs: null, endedAt: null },
      })
      .run();
    const oldest = lastTakeovers(tx, KEPT_TAKEOVERS).at(-1)?.generation ?? 0;
    tx.delete(connectorTakeovers).where(lt(connectorTakeovers.generation, oldest)).run();
    const instead = fromNodeId === null || fromNodeId === id ? '' : ` instead of node ${fromNodeId}`;
    ctx.event(
      'connector.active',
      `node ${id} keeps the connection to the upstream now${instead} (${reason.replaceAll('_', ' ')})`,
      {
        node: id,
        from: fromNodeId,
        generation,
        reason,
      },
    );
    return { generation, settled, reason };
  },
});

function reasonOf(before: Lease, claim: { nodeId: number; seen: TakeoverReason }): TakeoverReason {
  if (before.holder === null) return before.reason;
  return before.holder === claim.nodeId ? 'restarted' : claim.seen;
}

const lastNode = (tx: StateDb, generation: number): number | null =>
  tx.select().from(connectorTakeovers).where(eq(connectorTakeovers.generation, generation)).get()?.nodeId ?? null;

function endTakeover(tx: StateDb, generation: number, at: number): void {
  tx.update(connectorTakeovers)
    .set({ endedAt: at })
    .where(and(eq(connectorTakeovers.generation, generation), isNull(connectorTakeovers.endedAt)))
    .run();
}

const held = { ...claimant, generation: z.int().min(1) };

/** The lease, as long as this process of this node has it in this generation. */
function ownLease(tx: StateDb, own: { nodeId: number; session: string; generation: number }): Lease | undefined {
  const lease = currentLease(tx);
  const is = lease?.holder === own.nodeId && lease.session === own.session && lease.generation === own.generation;
  return is ? lease : undefined;
}

/** The active node has closed its connection and gives the lease up. `settled`: it had waited out its predecessor. */
export const releaseConnector = defineCommand({
  type: 'connector.release',
  since: 1,
  audited: false,
  input: z.object({ ...held, reason: takeoverReason, settled: z.boolean(), preferred: nodeId.nullable() }),
  apply(tx, input, ctx) {
    const lease = ownLease(tx, input);
    if (!lease) return;
    const { reason, preferred } = input;
    const settled = lease.settled || input.settled;
    saveLease(tx, { ...lease, holder: null, settled, reason, preferred, changedAt: ctx.at, connectedAt: null });
    endTakeover(tx, lease.generation, ctx.at);
    ctx.event(
      'connector.yielded',
      `node ${input.nodeId} gave the connection to the upstream up (${reason.replaceAll('_', ' ')})`,
      {
        node: input.nodeId,
        generation: lease.generation,
        reason,
      },
    );
  },
});

/** The upstream has welcomed the active node. */
export const reportConnected = defineCommand({
  type: 'connector.connected',
  since: 1,
  audited: false,
  input: z.object({ ...held, gapMs: z.int().min(0).nullable() }),
  apply(tx, { gapMs, ...own }, ctx) {
    const lease = ownLease(tx, own);
    if (!lease) return;
    saveLease(tx, { ...lease, settled: true, connectedAt: ctx.at });
    tx.update(connectorTakeovers)
      .set({ connectedAt: ctx.at, gapMs })
      .where(and(eq(connectorTakeovers.generation, own.generation), isNull(connectorTakeovers.connectedAt)))
      .run();
    ctx.event('connector.connected', `node ${own.nodeId} is connected to the upstream`, {
      node: own.nodeId,
      generation: own.generation,
      gap_ms: gapMs,
    });
  },
});

/** The active node has lost the upstream and tries again. */
export const reportDisconnected = defineCommand({
  type: 'connector.disconnected',
  since: 1,
  audited: false,
  input: z.object({ ...held, detail: z.string().max(500) }),
  apply(tx, { detail, ...own }, ctx) {
    const lease = ownLease(tx, own);
    if (!lease || lease.connectedAt === null) return;
    saveLease(tx, { ...lease, connectedAt: null });
    ctx.event('connector.disconnected', `node ${own.nodeId} lost the connection to the upstream: ${detail}`, {
      node: own.nodeId,
      generation: own.generation,
    });
  },
});

export const connectorCommands = [setConnector, claimConnector, releaseConnector, reportConnected, reportDisconnected];
