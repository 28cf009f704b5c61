import { connect, type TLSSocket } from 'node:tls';
import { isErrorCode } from '@quorate/shared/error-codes';
import {
  PAIRING_JOIN_PATH,
  PAIRING_PROVE_PATH,
  pairingAnswerSchema,
  pairingJoinedSchema,
} from '@quorate/shared/pairing';
import { problemSchema } from '@quorate/shared/problem';
import { Client } from 'undici';
import type { z } from 'zod';
import { DomainError } from '../../commands/domain-error';
import { parseHostPort } from '../../lib/net';
import type { JoinTarget } from '../join/join-string';
import { pairingProof, sameProof } from './proof';

/** A waiting node at the other end of a connection on which both sides have proven that they know the code. */
export interface Invitation {
  readonly name: string;
  readonly version: string;
  /** Tells it to join; resolves when it was admitted. @throws DomainError what its join was refused with */
  join(target: JoinTarget): Promise<{ nodeId: number }>;
  close(): Promise<void>;
}

const CONNECT_MS = 5_000;
const PROVE_MS = 10_000;
/** The join dials back, is admitted through the log and stores its identity. */
const JOIN_MS = 60_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** @throws DomainError node_unreachable, pairing_code_invalid, pairing_not_open, too_many_requests */
export async function invite(address: string, code: string): Promise<Invitation> {
  const socket = await dial(address);
  // The proofs hold for this one connection: there is no second one.
  let used = false;
  const client = new Client(`https://${address}`, {
    connect: (_options, callback) => {
      if (used) return callback(new Error('the pairing connection was closed'), null);
      used = true;
      // Called back at once, the client would take it for no answer and connect again.
      process.nextTick(() => callback(null, socket));
    },
    bodyTimeout: PROVE_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    keepAliveTimeout: JOIN_MS,
  });
  const post = <S extends z.ZodType>(path: string, body: object, schema: S, timeoutMs = PROVE_MS) =>
    request({ client, address, path, body, schema, timeoutMs });
  try {
    const mine = { proof: pairingProof(code, 'member', socket) };
    const answer = await post(PAIRING_PROVE_PATH, mine, pairingAnswerSchema);
    if (!sameProof(answer.proof, pairingProof(code, 'waiting', socket))) {
      const detail = `${address} does not know the pairing code: something else answers there. Nothing was sent to it`;
      throw new DomainError('pairing_code_invalid', detail);
    }
    return {
      name: answer.name,
      version: answer.version,
      async join({ address: via, token, caFingerprint }) {
        const target = { address: via, token, ca_fingerprint: caFingerprint };
        return { nodeId: (await post(PAIRING_JOIN_PATH, target, pairingJoinedSchema, JOIN_MS)).node_id };
      },
      close: () => client.destroy(),
    };
  } catch (error) {
    await client.destroy();
    throw error;
  }
}

function dial(address: string): Promise<TLSSocket> {
  const target = parseHostPort(address);
  if (!target) throw new DomainError('validation_failed', `${address} is not host:port`);
  return new Promise((resolve, reject) => {
    // Who answers is proven by the code, bound to this connection, not by the certificate.
    const socket = connect({ ...target, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    const fail = (reason: string): void => {
      socket.destroy();
      reject(unreachable(address, reason));
    };
    const timer = setTimeout(() => fail(`no answer within ${CONNECT_MS} ms`), CONNECT_MS);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.on('error', (error) => {
      clearTimeout(timer);
      fail(error.message);
    });
  });
}

function unreachable(address: string, reason: string): DomainError {
  const detail = `${address} cannot be reached: ${reason}; give the cluster address of a node that waits (its log names it)`;
  return new DomainError('node_unreachable', detail, [{ pointer: '/address', detail }]);
}

async function request<S extends z.ZodType>(call: {
  client: Client;
  address: string;
  path: string;
  body: object;
  schema: S;
  timeoutMs: number;
}): Promise<z.output<S>> {
  const { client, address, path, body, schema, timeoutMs: headersTimeout } = call;
  const headers = { 'content-type': 'application/json' };
  let status: number;
  let answer: unknown;
  try {
    const response = await client.request({
      method: 'POST',
      path,
      headers,
      body: JSON.stringify(body),
      headersTimeout,
    });
    status = response.statusCode;
    answer = await response.body.json();
  } catch (error) {
    throw unreachable(address, error instanceof Error ? error.message : String(error));
  }
  const problem = problemSchema.safeParse(answer);
  // What a member's own cluster listener says to a stranger; a waiting node refuses a join so for reasons of its own.
  const isMember = path === PAIRING_PROVE_PATH && problem.data?.code === 'certificate_required';
  if (status >= 400 && problem.success && !isMember) {
    const { code, detail, errors = [] } = problem.data;
    throw new DomainError(isErrorCode(code) ? code : 'conflict', `the waiting node: ${detail}`, errors);
  }
  const parsed = schema.safeParse(answer);
  if (status < 400 && parsed.success) return parsed.data;
  const detail = `${address} does not wait to be added: it is part of a cluster already, or no Quorate node`;
  throw new DomainError('pairing_not_open', detail, [{ pointer: '/address', detail }]);
}
