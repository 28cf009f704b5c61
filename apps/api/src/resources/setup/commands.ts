import { username } from '@quorate/shared/session';
import { clusterName } from '@quorate/shared/setup';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { refuseTakenName } from '../users/commands';
import { users } from '../users/table';
import { clusterInfo, clusterSecrets } from './table';

/** The first entry of a new cluster: its identity, its CA and its wrapped keys. */
export const initializeCluster = defineCommand({
  type: 'cluster.initialize',
  since: 1,
  input: z.object({
    clusterId: z.uuid(),
    name: clusterName,
    caCert: z.string(),
    secrets: z.array(z.object({ name: z.string(), jwe: z.string() })),
  }),
  apply(tx, input, ctx) {
    if (tx.select().from(clusterInfo).get()) {
      throw new DomainError('conflict', 'the cluster is initialized already');
    }
    const { clusterId, name, caCert } = input;
    tx.insert(clusterInfo).values({ id: 1, clusterId, name, caCert, createdAt: ctx.at, setUpAt: null }).run();
    for (const secret of input.secrets) {
      tx.insert(clusterSecrets)
        .values({ ...secret, updatedAt: ctx.at })
        .run();
    }
    ctx.event('cluster.initialized', `node ${ctx.nodeId} started a new cluster`, { cluster_id: clusterId });
  },
});

/** Creates the first admin. Whoever comes second, on whichever node, is refused here. */
export const setUpCluster = defineCommand({
  type: 'cluster.setup',
  since: 1,
  input: z.object({
    name: clusterName,
    userId: z.uuid(),
    username,
    passwordHash: z.string().startsWith('$argon2id$'),
  }),
  target: (input) => input.username,
  apply(tx, input, ctx) {
    const info = tx.select().from(clusterInfo).get();
    if (!info) throw new DomainError('not_ready', 'the cluster is not initialized yet; try again shortly', [], 1);
    if (info.setUpAt !== null)
      throw new DomainError('already_set_up', 'the first admin exists already; sign in instead');
    refuseTakenName(tx, input.username);
    tx.update(clusterInfo).set({ name: input.name, setUpAt: ctx.at }).where(eq(clusterInfo.id, 1)).run();
    tx.insert(users)
      .values({
        id: input.userId,
        username: input.username,
        role: 'admin',
        passwordHash: input.passwordHash,
        sessionVersion: 1,
        createdAt: ctx.at,
        updatedAt: ctx.at,
      })
      .run();
    ctx.event('cluster.setup', `the cluster ${input.name} was set up with the first admin ${input.username}`, {
      cluster: input.name,
      username: input.username,
    });
    return { userId: input.userId };
  },
});

export const setupCommands = [initializeCluster, setUpCluster];
