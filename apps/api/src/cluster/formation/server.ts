import { randomBytes } from 'node:crypto';
import { JOIN_TOKEN_PREFIX } from '@quorate/shared/join-tokens';
import { eq } from 'drizzle-orm';
import { Hono } from 'hono';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import type { Proposer } from '../../replication/proposer';
import { clusterInfo } from '../../resources/setup/table';
import { SYSTEM_ACTOR } from '../founding';
import { createJoinToken } from '../join-tokens/commands';
import type { ClusterEnv } from '../listener';
import { liveMembers } from '../members/admission';
import { members } from '../members/table';
import { fingerprintOf } from '../pki/keys';
import { contradiction, FORMATION_PATH, type FormationAnswer, type Hello } from './hello';
import { readHello } from './read-hello';

export interface FormationServerDeps {
  /** What this node would say; undefined when it was not configured to found a cluster with others. */
  readonly own: () => Hello | undefined;
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  /** Waits until this node has applied all that the cluster had acknowledged. */
  readonly catchUp: () => Promise<unknown>;
}

const TICKET_MS = 10 * 60_000;

/** A founding member that has become a cluster lets the others in. */
export function createFormationApp(deps: FormationServerDeps): Hono<ClusterEnv> {
  const app = new Hono<ClusterEnv>();
  app.post(FORMATION_PATH, async (c) => {
    const hello = await readHello(c);
    const own = deps.own();
    if (!own) {
      const cure = 'let the new node join by token: quorate token create';
      throw new DomainError('conflict', `this node is part of a cluster that is not bootstrapped; ${cure}`);
    }
    const against = contradiction(own, hello, hello.cluster_address);
    if (against || !own.peers.includes(hello.cluster_address)) return c.json(answer(own, null));
    await deps.catchUp();
    const isNew = checkPlace(deps.db(), hello, c.get('peer')?.keyPin ?? '');
    return c.json(answer(own, await mint(deps, hello, isNew)));
  });
  return app;
}

const answer = (hello: Hello, ticket: FormationAnswer['ticket']): FormationAnswer => ({ hello, ticket });

/** @returns whether it was never admitted. @throws DomainError why there is no place for it */
function checkPlace(db: StateDb, hello: Hello, keyPin: string): boolean {
  const known = db.select().from(members).where(eq(members.id, hello.node_id)).get();
  if (!known) {
    if (liveMembers(db).length < hello.bootstrap_expect) return true;
    const detail = `the cluster has its ${hello.bootstrap_expect} members already; remove one, or join by token`;
    throw new DomainError('conflict', detail);
  }
  if (known.state === 'removed') {
    const cure = 'issue a certificate with an id that was never used, and start it with an empty data directory';
    throw new DomainError('node_removed', `node ${known.id} was removed from the cluster; ${cure}`);
  }
  if (known.state === 'voter' || known.keyPin !== keyPin) {
    const cure = `put its data directory back; or remove it (quorate cluster remove ${known.id} --force) and give this host a certificate with an id that was never used`;
    throw new DomainError('node_id_taken', `node ${known.id} (${known.name}) is a member already; ${cure}`);
  }
  return false;
}

/** An ordinary join token of one use. One whose admission is under way resumes it, so the token is bound to nothing then. */
async function mint(deps: FormationServerDeps, hello: Hello, isNew: boolean): Promise<FormationAnswer['ticket']> {
  const info = deps.db().select().from(clusterInfo).get();
  if (!info) throw new DomainError('not_ready', 'this node has no cluster state yet; try again shortly', [], 1);
  const token = `${JOIN_TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`;
  const input = {
    id: uuidv7(),
    hash: sha256Hex(token),
    kind: 'cluster' as const,
    maxUses: 1,
    ttlMs: TICKET_MS,
    nodeName: isNew ? hello.name : null,
    nodeId: isNew ? hello.node_id : null,
    allowedCidrs: [],
  };
  await deps.propose(createJoinToken, input, { actor: SYSTEM_ACTOR, id: uuidv7() });
  return { token, ca_fingerprint: fingerprintOf(info.caCert) };
}
