import { z } from 'zod';
import { nodeId, sha256Fingerprint } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

/** What a change of the CA does, in order. In each stage every member must follow before the next begins. */
export const CA_ROTATION_STAGES = ['trusting', 'ready', 'reissuing', 'dropping', 'finished'] as const;
export type CaRotationStage = (typeof CA_ROTATION_STAGES)[number];

export const certificateSchema = z
  .object({
    kind: z.enum(['ca', 'node']),
    node_id: nodeId.nullable().describe('Whose it is; null for a CA.'),
    subject: z.string(),
    fingerprint: sha256Fingerprint,
    issuer_fingerprint: sha256Fingerprint.nullable().describe('The CA that signed it; null when that is not known.'),
    not_before: timestamp,
    not_after: timestamp,
    renews_at: timestamp
      .nullable()
      .describe('When it is renewed by itself; null when only people can: rotate the CA, or replace your own files.'),
    state: z
      .enum(['ok', 'expiring', 'expired'])
      .describe('`expiring`: it should have been renewed by now, or a CA has less than 90 days left.'),
    advice: z.string().describe('What to do about it, or what happens next by itself.'),
  })
  .meta({ id: 'Certificate' });
export type Certificate = z.infer<typeof certificateSchema>;

export const sessionKeySchema = z
  .object({
    id: z.string().describe('`kid` in the header of the sessions that it signed.'),
    state: z.enum(['signing', 'retired']).describe('`retired`: signs no more; its sessions go on until they expire.'),
    created_at: timestamp,
    age_seconds: z.int(),
    rotates_at: timestamp.nullable().describe('When the next one takes over by itself; null for a retired key.'),
    accepted_until: timestamp.nullable().describe('From then on a retired key is forgotten.'),
  })
  .meta({ id: 'SessionKey' });
export type SessionKeyView = z.infer<typeof sessionKeySchema>;

export const clusterKeySchema = z
  .object({
    id: z.string(),
    created_at: timestamp,
    age_seconds: z.int(),
    secrets: z.int().describe('How many secrets of the state are encrypted under it.'),
    missing_on: z.array(nodeId).describe('Members that hold an older one and get this one when they are back.'),
  })
  .meta({ id: 'ClusterKey' });
export type ClusterKeyView = z.infer<typeof clusterKeySchema>;

export const caRotationSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(['running', 'succeeded']),
    stage: z
      .enum(CA_ROTATION_STAGES)
      .describe(
        '`trusting`: every member learns to trust both CAs. `ready`: it waits until load balancers and clients trust the new one. `reissuing`: every member gets a certificate of the new one. `dropping`: every member stops to trust the old one.',
      ),
    percent: z.int().min(0).max(100),
    old_fingerprint: sha256Fingerprint,
    new_fingerprint: sha256Fingerprint,
    new_ca: z.string().describe('The new CA (PEM). A client that trusts the old one alone adds it in time.'),
    requested_by: z.string(),
    started_at: timestamp,
    finished_at: timestamp.nullable(),
    nodes: z.array(z.object({ id: nodeId, name: z.string(), state: z.enum(['waiting', 'working', 'done']) })),
    waiting_for: z.string().describe('What holds it up and what to do; empty while it goes on by itself.'),
  })
  .meta({ id: 'CaRotation' });
export type CaRotationView = z.infer<typeof caRotationSchema>;

export const keysSchema = z
  .object({
    own_ca: z.boolean().describe('False where the cluster runs on certificates of its operator.'),
    ca_pem: z.string().describe('Every CA to trust now (PEM): both while one is being replaced.'),
    certificates: z.array(certificateSchema),
    session_keys: z.array(sessionKeySchema),
    cluster_key: clusterKeySchema,
    ca_rotation: caRotationSchema.nullable().describe('The one that runs, or the last one.'),
  })
  .meta({ id: 'Keys' });
export type Keys = z.infer<typeof keysSchema>;

export const keyRoutes = {
  get: defineRoute({
    id: 'keys.get',
    method: 'get',
    path: '/v1/cluster/keys',
    access: 'viewer',
    tag: 'Keys',
    summary: 'Every certificate and key of the cluster: fingerprints, ages, what happens next',
    response: keysSchema,
  }),
  rotateSessionKey: defineRoute({
    id: 'keys.rotate_session_key',
    method: 'post',
    path: '/v1/cluster/keys/session/rotate',
    access: 'admin',
    tag: 'Keys',
    summary: 'Sign sessions with a new key. Sessions of the old one go on until they expire, or all end now',
    body: z.object({
      end_sessions: z.boolean().default(false).describe('Forget the old keys at once: everybody signs in again.'),
    }),
    response: keysSchema,
    errors: ['conflict'],
  }),
  rotateClusterKey: defineRoute({
    id: 'keys.rotate_cluster_key',
    method: 'post',
    path: '/v1/cluster/keys/cluster/rotate',
    access: 'admin',
    tag: 'Keys',
    summary: 'Make a new cluster key and encrypt every secret of the state under it',
    description:
      'The new key goes out encrypted to the key of each member. One that is down gets it when it is back; a removed one never does.',
    response: keysSchema,
    errors: ['conflict', 'membership_change_in_progress'],
  }),
  rotateCa: defineRoute({
    id: 'keys.rotate_ca',
    method: 'post',
    path: '/v1/cluster/keys/ca/rotate',
    access: 'admin',
    tag: 'Keys',
    summary: 'Replace the CA: both are trusted while every member gets a new certificate, then the old one is dropped',
    description:
      'Rotates the cluster key first. Each etcd member restarts twice, one after the other, the leader last. Join tokens that were minted before are revoked, since they pin the old CA. Follow it at GET /v1/cluster/keys/ca/rotation; it goes on after restarts.',
    body: z.object({
      hold: z
        .boolean()
        .nullable()
        .default(null)
        .describe(
          'Wait, once every member trusts the new CA, until load balancers and clients do and the rotation is continued; null = where a node serves TLS.',
        ),
    }),
    response: caRotationSchema,
    status: 202,
    errors: ['conflict', 'membership_change_in_progress', 'ca_rotation_in_progress'],
  }),
  continueCaRotation: defineRoute({
    id: 'keys.continue_ca_rotation',
    method: 'post',
    path: '/v1/cluster/keys/ca/rotation/continue',
    access: 'admin',
    tag: 'Keys',
    summary: 'Go on with a change of the CA that waits for load balancers and clients',
    response: caRotationSchema,
    status: 202,
    errors: ['conflict'],
  }),
  caRotation: defineRoute({
    id: 'keys.ca_rotation',
    method: 'get',
    path: '/v1/cluster/keys/ca/rotation',
    access: 'viewer',
    tag: 'Keys',
    summary: 'The change of the CA that runs, or the last one',
    response: z.object({ operation: caRotationSchema.nullable() }),
  }),
};
