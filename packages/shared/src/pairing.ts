import { z } from 'zod';
import { memberSchema } from './cluster';
import { joinTokenPlain } from './join-tokens';
import { hostPort, nodeId, nodeName, sha256Fingerprint } from './names';
import { defineRoute } from './route';

/** Letters and digits that nobody mistakes for another: 32 of them, five bits each. */
export const PAIRING_ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** 100 bits: what a pairing proves by its code cannot be found out by trying, on line or off. */
export const PAIRING_CODE_LETTERS = 20;

/** A pairing code as people type it: in either case, with dashes and spaces or without. */
export const pairingCode = z
  .string()
  .max(64)
  .transform((text) => text.toUpperCase().replaceAll(/[\s-]/g, ''))
  .refine(
    (text) => text.length === PAIRING_CODE_LETTERS && [...text].every((letter) => PAIRING_ALPHABET.includes(letter)),
    `expected the pairing code of the waiting node: ${PAIRING_CODE_LETTERS} letters and digits, such as ABCD-EFGH-…`,
  );

export const pairingRoutes = {
  add: defineRoute({
    id: 'cluster.members.add',
    method: 'post',
    path: '/v1/cluster/members',
    access: 'admin',
    tag: 'Cluster',
    summary: 'Add a node that waits to be paired, by its address and its one-time code',
    description:
      'Both sides prove over the same TLS connection that they know the code. The node is then admitted as if it had joined by a token, and becomes a voter by itself: see GET /v1/joins. A single node grows into a cluster first.',
    body: z.object({
      address: hostPort.describe('Cluster address of the waiting node.'),
      pairing_code: pairingCode.describe('What its log and `quorate agent pairing-code` show.'),
    }),
    response: memberSchema,
    status: 201,
    errors: [
      'pairing_code_invalid',
      'pairing_not_open',
      'node_unreachable',
      'node_name_taken',
      'node_id_taken',
      'address_taken',
      'clock_skew',
      'version_incompatible',
      'cluster_token_mismatch',
      'raft_engine_unavailable',
      'too_many_requests',
    ],
  }),
  code: defineRoute({
    id: 'pairing.code',
    method: 'get',
    path: '/v1/agent/pairing-code',
    access: 'local',
    tag: 'Cluster',
    summary: 'The code by which a cluster can add this waiting node; only over the agent socket',
    response: z.object({ pairing_code: z.string(), address: hostPort }),
    errors: ['pairing_not_open'],
  }),
};

// What the two sides say to each other, on the cluster address of the waiting node. Not part of the public REST API.

export const PAIRING_PROVE_PATH = '/v1/pairing/prove';
export const PAIRING_JOIN_PATH = '/v1/pairing/join';

const proof = z.string().regex(/^[0-9a-f]{64}$/);
export const pairingProofSchema = z.strictObject({ proof });
export const pairingAnswerSchema = z.object({ proof, name: nodeName, version: z.string().max(64) });

/** Whom to join; sent only once both have proven themselves. */
export const pairingJoinSchema = z.strictObject({
  address: hostPort,
  token: joinTokenPlain,
  ca_fingerprint: sha256Fingerprint,
});
export const pairingJoinedSchema = z.object({ node_id: nodeId });
