import { randomBytes } from 'node:crypto';
import type { Member as MemberView } from '@quorate/shared/cluster';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { systemClock } from '../../lib/clock';
import { sha256Hex } from '../../lib/hash';
import { initializeCluster, setupCommands } from '../../resources/setup/commands';
import { createWebhook, webhookCommands } from '../../resources/webhooks/commands';
import { type Replica, startReplica } from '../../testing/replica';
import { createJoinToken, joinTokenCommands } from '../join-tokens/commands';
import { joinTokens } from '../join-tokens/table';
import { createKeyring, type Keyring, SECRET } from '../keyring';
import { memberCommands, registerFirstMember, removeMember } from '../members/commands';
import { createCa, issueNodeCertificate } from '../pki/issue';
import { createNodeKey, keyPinOf, publicKeyPemOf } from '../pki/keys';
import { encryptSecret, SecretError } from '../pki/secrets';
import { planCaStep } from './ca-driver';
import { fingerprintOfPem, pendingMembers, runningCaRotation, wantedCaPem } from './ca-progress';
import { advanceCaRotation, giveCaTurn, keyCommands, reportKeys, rotateClusterKey, startCaRotation } from './commands';
import { createKeyRotator, type KeyRotator } from './rotate';
import { caRotation, clusterKeyCopies, nodeKeys } from './table';

const registry = createRegistry([
  ...setupCommands,
  ...memberCommands,
  ...joinTokenCommands,
  ...webhookCommands,
  ...keyCommands,
]);
const CLUSTER_ID = '0198f0aa-1111-7222-8333-444455556666';
const HOOK_ID = '0198f0aa-1111-7222-8333-444455557777';
const OPERATION_ID = '0198f0aa-1111-7222-8333-444455558888';

interface Node {
  readonly id: number;
  readonly keyPem: string;
  readonly certPem: string;
  clusterKey: Uint8Array;
}

describe('rotating keys', () => {
  let replica: Replica;
  let ca: { certPem: string; keyPem: string };
  let nodes: [Node, Node, Node];
  let rotator: KeyRotator;
  let keyrings: Keyring[];

  const db = () => replica.store.db;
  const propose: Parameters<KeyRotator['clusterKey']>[0] = async (command, input) =>
    (await replica.propose(command, input)).result;
  const codeOf = (attempt: Promise<unknown>): Promise<string> =>
    attempt.then(
      () => 'ok',
      (error: unknown) => (error instanceof DomainError ? error.code : String(error)),
    );

  /** As a member says it of itself: the command is for the node that proposes, here always the first. */
  function report(node: Node, trusts: string[], issuer: string): void {
    const { id: nodeId, certPem } = node;
    const row = { nodeId, certPem, issuer, trusts, clusterKeyId: '0'.repeat(16), reportedAt: 1 };
    db().insert(nodeKeys).values(row).onConflictDoUpdate({ target: nodeKeys.nodeId, set: row }).run();
  }

  beforeEach(async () => {
    replica = await startReplica({ log: 'local', registry });
    ca = await createCa({ clusterId: CLUSTER_ID, nowMs: Date.now() });
    const clusterKey = new Uint8Array(randomBytes(32));
    const seal = async (name: string, text: string) => ({ name, jwe: await encryptSecret(clusterKey, name, text) });
    const secrets = [await seal(SECRET.caKey, ca.keyPem), await seal(SECRET.sessionKey, 'c2Vzc2lvbg')];
    const cluster = { clusterId: CLUSTER_ID, name: 'test', caCert: ca.certPem, secrets };
    await replica.propose(initializeCluster, cluster);
    const made = [1, 2, 3].map(async (id): Promise<Node> => {
      const keyPem = createNodeKey();
      const publicKeyPem = publicKeyPemOf(keyPem);
      const certPem = await issueNodeCertificate({ ca, publicKeyPem, nodeId: id, hosts: ['h'], nowMs: Date.now() });
      return { id, keyPem, certPem, clusterKey };
    });
    nodes = (await Promise.all(made)) as [Node, Node, Node];
    for (const { id, certPem } of nodes) {
      const member = { id, name: `n${id}`, keyPin: keyPinOf(certPem), version: '1', featureLevel: 1 };
      const at = (port: number) => `n${id}.test:${port}`;
      const addresses = { clusterAddress: at(1), raftPeerAddress: at(2), raftClientAddress: at(3) };
      const more = { ...addresses, apiUrl: `http://${at(4)}`, certificateExpiresAt: 1 };
      await replica.propose(registerFirstMember, { ...member, ...more });
    }
    keyrings = nodes.map((node) =>
      createKeyring({
        db,
        nodeId: node.id,
        held: () => node,
        adopt: (next) => {
          node.clusterKey = next;
        },
      }),
    );
    rotator = createKeyRotator({ db, keyring: keyrings[0] as Keyring, clock: systemClock, showsCaToEtcd: false });
    for (const node of nodes) report(node, [fingerprintOfPem(ca.certPem)], fingerprintOfPem(ca.certPem));
  });
  afterEach(() => replica.stop());

  it('gives the new cluster key to every live member and to no removed one', async () => {
    const removed = nodes[2];
    await replica.propose(removeMember, { id: removed.id });
    await rotator.clusterKey(propose);
    const copies = db().select().from(clusterKeyCopies).all();
    expect(copies.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
    expect(await keyrings[1]?.caKey()).toBe(ca.keyPem);
    expect(nodes[1].clusterKey).toEqual(nodes[0].clusterKey);
    await expect(keyrings[2]?.caKey()).rejects.toThrow(SecretError);
    expect(nodes[2].clusterKey).not.toEqual(nodes[0].clusterKey);
  });

  it('waits for a member that has not shown its key', async () => {
    db().delete(nodeKeys).run();
    const refusal = rotator.clusterKey(propose);
    await expect(refusal).rejects.toThrow('n1 (node 1) has not shown its key yet');
    expect(await codeOf(refusal)).toBe('membership_change_in_progress');
  });

  it('begins anew when a secret came in between, and loses none', async () => {
    let late = true;
    const hook = { id: HOOK_ID, name: 'chat', url: 'https://h/', types: [], enabled: true };
    await rotator.clusterKey(async (command, input) => {
      if (late && (command as unknown) === rotateClusterKey) {
        late = false;
        const secretJwe = await (keyrings[0] as Keyring).seal(`webhook:${HOOK_ID}`, 'whsec');
        await replica.propose(createWebhook, { ...hook, secretJwe });
      }
      return propose(command, input);
    });
    const stored = db().$client.prepare('SELECT secret_jwe FROM webhooks').pluck().get() as string;
    expect(await keyrings[1]?.unseal(`webhook:${HOOK_ID}`, stored)).toBe('whsec');
  });

  it('refuses a secret that was sealed before and comes after', async () => {
    const secretJwe = await (keyrings[0] as Keyring).seal(`webhook:${HOOK_ID}`, 'whsec');
    await rotator.clusterKey(propose);
    const hook = { id: HOOK_ID, name: 'chat', url: 'https://h/', types: [], enabled: true, secretJwe };
    expect(await codeOf(replica.propose(createWebhook, hook))).toBe('conflict');
  });

  it('begins anew when a member was removed in between', async () => {
    let late = true;
    await rotator.clusterKey(async (command, input) => {
      if (late) await replica.propose(removeMember, { id: 3 });
      late = false;
      return propose(command, input);
    });
    expect(db().select().from(clusterKeyCopies).all()).toHaveLength(2);
  });

  it('keeps what is derived, so that repeated requests are recognised', async () => {
    const before = keyrings.map((keyring) => keyring.deriveKey().toString('hex'));
    await rotator.clusterKey(propose);
    await rotator.clusterKey(propose);
    for (const keyring of keyrings) await keyring.refresh();
    expect(keyrings.map((keyring) => keyring.deriveKey().toString('hex'))).toEqual(before);
  });

  it('replaces the CA in stages that each wait for all, one turn at a time', async () => {
    const unbound = { nodeName: null, nodeId: null, allowedCidrs: [] };
    const token = {
      id: HOOK_ID,
      hash: sha256Hex('t'),
      kind: 'cluster' as const,
      maxUses: 1,
      ttlMs: 60_000,
      ...unbound,
    };
    await replica.propose(createJoinToken, token);
    await rotator.ca(propose, { hold: null });
    const rotation = () => db().select().from(caRotation).all()[0] as typeof caRotation.$inferSelect;
    const { operationId, newCaCert } = rotation();
    const [before, after] = [fingerprintOfPem(ca.certPem), fingerprintOfPem(newCaCert)];
    expect(db().select().from(joinTokens).all()[0]?.revokedAt).not.toBeNull();
    expect(await codeOf(replica.propose(createJoinToken, { ...token, id: OPERATION_ID, hash: sha256Hex('u') }))).toBe(
      'ca_rotation_in_progress',
    );
    expect(await codeOf(rotator.ca(propose, { hold: null }))).toBe('ca_rotation_in_progress');
    expect(wantedCaPem(db())?.match(/BEGIN/g)).toHaveLength(2);

    const advance = (from: 'trusting' | 'reissuing' | 'dropping') =>
      replica.propose(advanceCaRotation, { operationId, from });
    const turn = (nodeId: number) => replica.propose(giveCaTurn, { operationId, stage: 'trusting' as const, nodeId });
    await turn(2);
    await turn(3);
    expect(rotation().turnNode).toBe(2);
    report(nodes[1], [before, after], before);
    await turn(3);
    expect(rotation().turnNode).toBe(3);
    await advance('trusting');
    expect(rotation().stage).toBe('trusting');
    for (const node of [nodes[0], nodes[2]]) report(node, [before, after], before);
    await advance('dropping');
    expect(rotation().stage).toBe('trusting');
    await advance('trusting');
    expect(rotation()).toMatchObject({ stage: 'reissuing', turnNode: null, newKeyJwe: null });
    const key = await keyrings[1]?.caKey();
    expect(key).not.toBe(ca.keyPem);

    for (const node of nodes) report(node, [before, after], after);
    await advance('reissuing');
    expect(rotation().stage).toBe('dropping');
    expect(wantedCaPem(db())).toBe(newCaCert);
    report(nodes[0], [after], after);
    await replica.propose(removeMember, { id: 3 });
    expect(pendingMembers(db(), rotation())).toEqual([2]);
    report(nodes[1], [after], after);
    await advance('dropping');
    expect(runningCaRotation(db())).toBeUndefined();
  });

  it('waits for people before certificates change, where that is asked for', async () => {
    await rotator.ca(propose, { hold: true });
    const rotation = () => db().select().from(caRotation).all()[0] as typeof caRotation.$inferSelect;
    const { operationId, newCaCert } = rotation();
    const both = [fingerprintOfPem(ca.certPem), fingerprintOfPem(newCaCert)];
    expect(await codeOf(rotator.continueCa(propose))).toBe('conflict');
    for (const node of nodes) report(node, both, both[0] ?? '');
    await replica.propose(advanceCaRotation, { operationId, from: 'trusting' as const });
    expect(rotation()).toMatchObject({ stage: 'ready', newKeyJwe: expect.any(String) });
    const step = planCaStep(rotation(), pendingMembers(db(), rotation()), []);
    expect(step).toMatchObject({ kind: 'wait', why: expect.stringContaining('then continue') });
    expect(await keyrings[0]?.caKey()).toBe(ca.keyPem);
    await rotator.continueCa(propose);
    expect(rotation()).toMatchObject({ stage: 'reissuing', newKeyJwe: null });
    expect(await keyrings[0]?.caKey()).not.toBe(ca.keyPem);
  });

  it('records what a member says of itself', async () => {
    const certPem = nodes[1].certPem;
    await replica.propose(reportKeys, { certPem, issuer: '', trusts: [], clusterKeyId: '0'.repeat(16) });
    expect(db().select().from(nodeKeys).all()[0]).toMatchObject({ nodeId: 1, certPem });
  });

  it('does not begin to replace a CA that the cluster does not have the key of', async () => {
    db().$client.exec("DELETE FROM cluster_secrets WHERE name = 'ca_key'");
    expect(await codeOf(rotator.ca(propose, { hold: null }))).toBe('conflict');
    const start = { operationId: OPERATION_ID, caCert: ca.certPem, keyJwe: 'nonsense', hold: false };
    await rotator.clusterKey(propose);
    expect(await codeOf(replica.propose(startCaRotation, start))).toBe('conflict');
  });
});

describe('the next step of a CA rotation', () => {
  const member = (id: number, change: Partial<MemberView> = {}): MemberView =>
    ({ id, name: `n${id}`, health: 'healthy', leader: id === 1, ...change }) as MemberView;
  const all = [member(1), member(2), member(3)];
  const rotation = { stage: 'trusting', turnNode: null } as const;

  it('lets members restart in turn, the leader last', () => {
    expect(planCaStep(rotation, [1, 2, 3], all)).toEqual({ kind: 'turn', nodeId: 2 });
    expect(planCaStep({ ...rotation, turnNode: 2 }, [1, 2, 3], all)).toEqual({ kind: 'wait', why: '' });
    expect(planCaStep({ ...rotation, turnNode: 2 }, [1, 3], all)).toEqual({ kind: 'turn', nodeId: 3 });
    expect(planCaStep({ ...rotation, turnNode: 3 }, [1], all)).toEqual({ kind: 'turn', nodeId: 1 });
    expect(planCaStep(rotation, [], all)).toEqual({ kind: 'advance' });
  });

  it('restarts nothing while a member is down, and says which', () => {
    const down = [member(1), member(2), member(3, { health: 'unreachable' })];
    const why = 'n3 (node 3) does not answer: start it, or remove it with force';
    expect(planCaStep(rotation, [1, 2, 3], down)).toEqual({ kind: 'wait', why });
    expect(planCaStep({ ...rotation, stage: 'reissuing' }, [3], down)).toEqual({ kind: 'wait', why });
    expect(planCaStep({ ...rotation, stage: 'reissuing' }, [3], all)).toEqual({ kind: 'wait', why: '' });
  });
});
