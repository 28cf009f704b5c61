import { JOIN_TOKEN_PREFIX, type JoinToken, joinTokenRoutes } from '@quorate/shared/join-tokens';
import { asc, desc, eq, inArray, lt } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import { pageOf, textCursor } from '../../http/page';
import { expectPresent } from '../../lib/assert';
import { type Clock, toTimestamp } from '../../lib/clock';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import { isLoopback, isUnspecified, parseHostPort } from '../../lib/net';
import { formatJoinString } from '../join/join-string';
import { liveMembers } from '../members/admission';
import { fingerprintOf } from '../pki/keys';
import { MAX_VOTERS } from '../quorum';
import { createJoinToken, revokeJoinToken } from './commands';
import { type JoinTokenRow, joinTokenRedemptions, joinTokens, runnerRedemptions } from './table';

export interface JoinTokenDeps {
  /** Resolves once this node is part of a Raft cluster; grows a single node. @throws DomainError raft_engine_unavailable */
  readonly ensureCluster: () => Promise<void>;
  /** PEM of the cluster CA. */
  readonly caCert: () => string;
  /** `host:port` of the cluster listener that joiners dial. */
  readonly clusterAddress: () => string;
  readonly clock: Clock;
}

interface Redemptions {
  readonly nodes: readonly (typeof joinTokenRedemptions.$inferSelect)[];
  readonly runners: readonly (typeof runnerRedemptions.$inferSelect)[];
}

function statusOf(token: JoinTokenRow, now: number): JoinToken['status'] {
  if (token.revokedAt !== null) return 'revoked';
  if (token.uses >= token.maxUses) return 'used_up';
  return now >= token.expiresAt ? 'expired' : 'active';
}

const view = (token: JoinTokenRow, redemptions: Redemptions, now: number): JoinToken => ({
  id: token.id,
  kind: token.kind,
  status: statusOf(token, now),
  max_uses: token.maxUses,
  uses: token.uses,
  node_name: token.nodeName,
  node_id: token.nodeId,
  allowed_cidrs: token.allowedCidrs,
  created_at: toTimestamp(token.createdAt),
  created_by: token.createdBy,
  expires_at: toTimestamp(token.expiresAt),
  revoked_at: token.revokedAt === null ? null : toTimestamp(token.revokedAt),
  redemptions: redemptions.nodes
    .filter(({ tokenId }) => tokenId === token.id)
    .map(({ nodeId, nodeName, address, at }) => ({
      node_id: nodeId,
      node_name: nodeName,
      address,
      at: toTimestamp(at),
    })),
  runner_redemptions: redemptions.runners
    .filter(({ tokenId }) => tokenId === token.id)
    .map(({ runnerId, runnerName, address, at }) => ({
      runner_id: runnerId,
      runner_name: runnerName,
      address,
      at: toTimestamp(at),
    })),
});

function redemptionsOf(db: StateDb, tokenIds: readonly string[]): Redemptions {
  const ids = [...tokenIds];
  const { at, nodeId, tokenId } = joinTokenRedemptions;
  const nodes = db.select().from(joinTokenRedemptions).where(inArray(tokenId, ids)).orderBy(asc(at), asc(nodeId)).all();
  const runners = db
    .select()
    .from(runnerRedemptions)
    .where(inArray(runnerRedemptions.tokenId, ids))
    .orderBy(asc(runnerRedemptions.at), asc(runnerRedemptions.runnerId))
    .all();
  return { nodes, runners };
}

/** What would keep a join from working, or from helping, as things stand. */
function warningsFor(db: StateDb, clusterAddress: string, maxUses: number, kind: JoinToken['kind']): string[] {
  const warnings: string[] = [];
  const host = parseHostPort(clusterAddress)?.host ?? '';
  if (isLoopback(host) || isUnspecified(host)) {
    warnings.push(
      `The cluster address ${clusterAddress} can be reached from this machine only. ` +
        'For nodes on other machines, set cluster.address and cluster.advertise to a routable address and restart.',
    );
  }
  if (kind === 'runner') return warnings;
  const nodes = liveMembers(db).length;
  const after = nodes + maxUses;
  if (after > MAX_VOTERS) {
    warnings.push(`A cluster takes at most ${MAX_VOTERS} core nodes and has ${nodes}; some uses will be refused.`);
  } else if (after % 2 === 0) {
    warnings.push(
      `After this token is used there would be ${after} voters, which survive no more failures than ${after - 1}. ` +
        'Join one more node for an odd number.',
    );
  }
  return warnings;
}

/** A token that is bound says so in the command, so that the host needs no more than to run it. */
function joinCommand(
  joinString: string,
  bound: { kind: JoinToken['kind']; node_name: string | null; node_id: number | null },
): string {
  const name = bound.node_name === null ? '' : ` --name ${bound.node_name}`;
  if (bound.kind === 'runner') return `quorated runner '${joinString}'${name}`;
  const id = bound.node_id === null ? '' : ` --id ${bound.node_id}`;
  return `quorated join ${joinString}${name}${id}`;
}

export function joinTokenEndpoints(deps: JoinTokenDeps): Endpoint[] {
  async function mint(ctx: RequestContext, body: MintInput): Promise<{ id: string; token: string }> {
    // The same again when the request is repeated with its Idempotency-Key.
    const token = `${JOIN_TOKEN_PREFIX}${ctx.secret('join-token').toString('base64url')}`;
    const { id } = await ctx.propose(createJoinToken, {
      id: uuidv7(),
      hash: sha256Hex(token),
      kind: body.kind,
      maxUses: body.max_uses,
      ttlMs: body.ttl_seconds * 1000,
      nodeName: body.node_name,
      nodeId: body.node_id,
      allowedCidrs: body.allowed_cidrs,
    });
    return { id, token };
  }

  return [
    endpoint(joinTokenRoutes.list, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(joinTokens)
        .where(query.cursor === undefined ? undefined : lt(joinTokens.id, textCursor(query.cursor)))
        .orderBy(desc(joinTokens.id))
        .limit(query.limit + 1)
        .all();
      const redemptions = redemptionsOf(
        ctx.db,
        rows.map(({ id }) => id),
      );
      const now = deps.clock();
      return pageOf(
        ctx,
        joinTokenRoutes.list.path,
        rows,
        query.limit,
        (row) => row.id,
        (row) => view(row, redemptions, now),
      );
    }),
    endpoint(joinTokenRoutes.create, async (ctx, { body }) => {
      if (body.kind === 'runner' && body.node_id !== null) {
        const detail = 'runners have no node ids; leave it out, or bind the token to a name';
        throw new DomainError('validation_failed', detail, [{ pointer: '/node_id', detail }]);
      }
      await deps.ensureCluster();
      const { id, token } = await mint(ctx, body);
      const row = ctx.db.select().from(joinTokens).where(eq(joinTokens.id, id)).get();
      const fingerprint = fingerprintOf(deps.caCert());
      const joinString = formatJoinString({ address: deps.clusterAddress(), token, caFingerprint: fingerprint });
      return {
        ...view(expectPresent(row, 'the new join token'), redemptionsOf(ctx.db, [id]), deps.clock()),
        token,
        ca_fingerprint: fingerprint,
        join_string: joinString,
        join_command: joinCommand(joinString, body),
        warnings: warningsFor(ctx.db, deps.clusterAddress(), body.max_uses, body.kind),
      };
    }),
    endpoint(joinTokenRoutes.revoke, async (ctx, { params }) => {
      await ctx.propose(revokeJoinToken, { id: params.id });
    }),
  ];
}

interface MintInput {
  readonly kind: JoinToken['kind'];
  readonly max_uses: number;
  readonly ttl_seconds: number;
  readonly node_name: string | null;
  readonly node_id: number | null;
  readonly allowed_cidrs: string[];
}
