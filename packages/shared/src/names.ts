import { z } from 'zod';

/** A node id is unique for ever within a cluster; 63 keeps it inside one machine word of bits. */
export const nodeId = z.int().min(1).max(63);
export const nodeIdParam = z.object({ id: z.coerce.number().int().min(1).max(63) });

/** DNS-label-like names: what hosts, load balancers and certificates accept alike. */
export const nodeName = z
  .string()
  .min(1)
  .max(63)
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i,
    'use letters, digits, dots and dashes, and begin and end with a letter or digit',
  );

/** Words that stand in the place of a name: `/v1/services/scale`, `quorate scale all`. */
const RESERVED: ReadonlySet<string> = new Set(['all', 'restart', 'scale']);

export const serviceName = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$/, 'use lower-case letters, digits and dashes, beginning with a letter')
  .refine((name) => !RESERVED.has(name), 'this word means something else to the API or the client');

/** `host:port`; IPv6 in brackets. */
export const hostPort = z
  .string()
  .max(262)
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([1-9]\d{0,4})$/, 'expected host:port, such as 10.0.0.1:7000')
  .refine((value) => Number(value.slice(value.lastIndexOf(':') + 1)) <= 65535, 'the port must be 1 to 65535');

export const uuid = z.uuid();
export const uuidParam = z.object({ id: z.uuid() });
export const sha256Fingerprint = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: followed by 64 lower-case hex digits');
