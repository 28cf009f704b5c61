import type { Member } from '@quorate/shared/cluster';
import { JOIN_TOKEN_PREFIX } from '@quorate/shared/join-tokens';
import { pairingRoutes } from '@quorate/shared/pairing';
import { eq } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import { createJoinToken, revokeJoinToken } from '../join-tokens/commands';
import { joinTokenRedemptions, joinTokens } from '../join-tokens/table';
import { fingerprintOf } from '../pki/keys';
import type { ClusterView } from '../view';
import { type Invitation, invite } from './invite';

export interface PairingDeps {
  readonly view: ClusterView;
  readonly ensureCluster: () => Promise<void>;
  /** PEM of the cluster CA. */
  readonly caCert: () => string;
  /** `host:port` of this node's cluster listener. */
  readonly clusterAddress: () => string;
  /** This node's own code while it waits to be added itself. */
  readonly waitingCode: () => string | undefined;
}

const TOKEN_TTL_MS = 10 * 60_000;

const redeemedBy = (db: StateDb, tokenId: string): number | undefined =>
  db.select().from(joinTokenRedemptions).where(eq(joinTokenRedemptions.tokenId, tokenId)).get()?.nodeId;

function admittedBy(db: StateDb, token: string): number | undefined {
  const row = db
    .select()
    .from(joinTokens)
    .where(eq(joinTokens.hash, sha256Hex(token)))
    .get();
  return row && redeemedBy(db, row.id);
}

export function pairingEndpoints(deps: PairingDeps): Endpoint[] {
  const { view } = deps;
  function memberView(id: number): Member {
    const found = view.members().find((member) => member.id === id);
    if (!found) throw new DomainError('not_found', `node ${id} was removed meanwhile`);
    return found;
  }

  /** A token of one use for the one who has proven to know the code; it dies with the attempt. */
  async function admit(ctx: RequestContext, invitation: Invitation, token: string): Promise<number> {
    const unbound = { nodeName: null, nodeId: null, allowedCidrs: [] };
    const terms = { kind: 'cluster', maxUses: 1, ttlMs: TOKEN_TTL_MS } as const;
    const { id } = await ctx.propose(createJoinToken, { id: uuidv7(), hash: sha256Hex(token), ...terms, ...unbound });
    try {
      const target = { address: deps.clusterAddress(), token, caFingerprint: fingerprintOf(deps.caCert()) };
      return (await invitation.join(target)).nodeId;
    } catch (error) {
      // Its answer may be what was lost: then it is in, and goes on by itself.
      const admitted = redeemedBy(ctx.db, id);
      if (admitted !== undefined) return admitted;
      await ctx.propose(revokeJoinToken, { id }).catch((cause: unknown) => {
        ctx.logger.warn(
          { err: cause, token: id },
          'the join token of a failed pairing could not be revoked; it expires',
        );
      });
      throw error;
    }
  }

  return [
    endpoint(pairingRoutes.add, (ctx, { body }) => {
      // The same again when the request is repeated with its Idempotency-Key, by when the node waits no more.
      const tokenOf = (): string => `${JOIN_TOKEN_PREFIX}${ctx.secret('pairing-token').toString('base64url')}`;
      const add = async (): Promise<Member> => {
        const invitation = await invite(body.address, body.pairing_code);
        try {
          await deps.ensureCluster();
          return memberView(await admit(ctx, invitation, tokenOf()));
        } finally {
          await invitation.close();
        }
      };
      const found = (): Member | undefined => {
        const before = admittedBy(ctx.db, tokenOf());
        return before === undefined ? undefined : memberView(before);
      };
      return ctx.once(add, { found });
    }),
    endpoint(pairingRoutes.code, () => {
      const code = deps.waitingCode();
      if (code !== undefined) return { pairing_code: code, address: deps.clusterAddress() };
      const detail = 'this node does not wait to be added: it is set up, or its cluster address cannot be listened on';
      throw new DomainError('pairing_not_open', detail);
    }),
  ];
}
