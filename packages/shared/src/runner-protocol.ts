import { z } from 'zod';
import { execSpecSchema } from './jobs';
import { joinTokenPlain } from './join-tokens';
import { hostPort, nodeName, serviceName } from './names';
import { labelsSchema } from './runners';
import { serviceSpecSchema } from './services';

// What a runner and a core node say to each other on the cluster listener. Not part of the public REST API.

export const RUNNER_JOIN_PATH = '/v1/runners/join';
export const RUNNER_SESSION_PATH = '/v1/runners/session';

export const runnerJoinRequestSchema = z.strictObject({
  token: joinTokenPlain,
  /** PKCS #10, PEM, EC P-256: its key is who the runner will be. */
  csr: z.string().max(8192),
  name: nodeName,
  labels: labelsSchema,
  capacity: z.int().min(1).max(1_000),
  version: z.string().min(1).max(64),
  /** Isolates clusters that share a network. */
  cluster_token: z.string().max(64),
  /** The runner's clock, ms since the epoch. */
  clock: z.int(),
});
export type RunnerJoinRequest = z.infer<typeof runnerJoinRequestSchema>;

export const runnerJoinAnswerSchema = z.object({
  runner_id: z.uuid(),
  /** The same key was admitted before: no use of the token was taken. */
  resumed: z.boolean(),
  cluster: z.object({ id: z.uuid(), name: z.string() }),
  certificate: z.string(),
  ca: z.string(),
  /** Cluster addresses of the core nodes. */
  cores: z.array(hostPort).min(1).max(63),
});
export type RunnerJoinAnswer = z.infer<typeof runnerJoinAnswerSchema>;

/** Of the words on why a runner can begin no job. */
export const MAX_PROBLEM = 300;

const attemptOf = { id: z.uuid(), attempt: z.int().min(1) };

/** How an attempt of a job ended. `lost`: by what happened to its runner. */
export const jobEndSchema = z.object({
  outcome: z.enum(['succeeded', 'failed', 'timed_out', 'cancelled', 'lost']),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  error: z.string(),
  outputTail: z.string(),
  /** All that it wrote, kept or not. */
  outputBytes: z.int().min(0),
});
export type JobEnd = z.infer<typeof jobEndSchema>;

export const jobReportSchema = z.discriminatedUnion('step', [
  z.object({ ...attemptOf, step: z.literal('started') }),
  /** `began`: its program was started, whether that was reported or not. */
  z.object({
    ...attemptOf,
    step: z.literal('finished'),
    began: z.boolean(),
    end: jobEndSchema,
    /** Why the runner can begin no job now. It has certainly not begun this one: the attempt does not count. */
    handedBack: z.string().max(MAX_PROBLEM).optional(),
  }),
]);
export type JobReport = z.infer<typeof jobReportSchema>;

/** At most so many reports go in one frame, and so many bytes of them: they become one command. */
export const MAX_REPORTS = 64;
export const MAX_REPORT_BYTES = 256 * 1024;

/** One placement of a replica slot: a runner that hears of a higher generation ends what it has of a lower one. */
const placementOf = { service: serviceName, slot: z.int().min(0), generation: z.int().min(1) };

export const MAX_OUTPUT_CHUNK_BYTES = 64 * 1024;
export const MAX_OUTPUT_WAIT_MS = 15_000;
const range = {
  /** The first byte that is wanted; what is not kept any more is left out. */
  offset: z.int().min(0),
  /** How long to wait for it, while the program runs and has written no more. */
  wait_ms: z.int().min(0).max(MAX_OUTPUT_WAIT_MS),
};
const jobOutputRangeSchema = z.object({ ...attemptOf, ...range });
export type JobOutputRange = z.infer<typeof jobOutputRangeSchema>;
const replicaOutputRangeSchema = z.object({ ...placementOf, ...range });
export type ReplicaOutputRange = z.infer<typeof replicaOutputRangeSchema>;
/** Some output of an attempt of a job, or of a replica, from a byte on; at most `MAX_OUTPUT_CHUNK_BYTES` at once. */
export const outputRangeSchema = z.union([jobOutputRangeSchema, replicaOutputRangeSchema]);
export type OutputRange = z.infer<typeof outputRangeSchema>;
export const outputChunkSchema = z.object({
  /** Where `data` begins: later than asked for where something is not kept. */
  offset: z.int().min(0),
  /** base64 */
  data: z.string(),
  /** Bytes written so far. */
  total: z.int().min(0),
  /** The program is over: nothing will come behind `total`. */
  ended: z.boolean(),
});
export type OutputChunk = z.infer<typeof outputChunkSchema>;

/**
 * A replica that a runner is to have; or, with `stop`, one that it is to end and to say so: `stopped` is reported even when it
 * never had it, and comes when no process of it is left. What is not assigned at all is ended without a word.
 */
export const assignedReplicaSchema = z.object({
  ...placementOf,
  revision: z.int(),
  spec: serviceSpecSchema,
  stop: z.boolean(),
});
export type AssignedReplica = z.infer<typeof assignedReplicaSchema>;

/** How a replica fares, as its runner sees it. The newest word on a generation counts: `n` grows with every change of it. */
export const replicaReportSchema = z.object({
  ...placementOf,
  n: z.int().min(1),
  state: z.enum(['starting', 'healthy', 'unhealthy', 'backing_off', 'stopping', 'stopped']),
  /** Why it is not healthy; the end of what it wrote, or why it could not be started. */
  reason: z.string().max(2000),
  ports: z.record(z.string(), z.int()),
  restarts: z.int().min(0),
});
export type ReplicaReport = z.infer<typeof replicaReportSchema>;

/** Of one frame: a runner that has more to say sends it in turn. */
export const MAX_REPLICA_REPORTS = 100;

/** Everything that a runner is to have at a log index. */
export const assignedWorkSchema = z.object({
  index: z.int(),
  jobs: z.array(z.object({ ...attemptOf, spec: execSpecSchema, cancel: z.boolean() })),
  replicas: z.array(assignedReplicaSchema),
});
export type AssignedWork = z.infer<typeof assignedWorkSchema>;

/** What the process group of a job or replica uses. */
const usage = {
  /** Of one processor, so that two busy ones are 200; since the sample before. */
  cpu_percent: z.number().min(0),
  /** Of its processes since they were started. */
  cpu_seconds: z.number().min(0),
  rss_bytes: z.number().min(0),
  processes: z.int().min(0),
};
const MAX_PROGRAMS = 2_000;

/** What a runner measured at one time: of its host, and of everything that it runs. */
export const metricsBatchSchema = z.object({
  /** Grows with each batch of a runner, across its restarts, too. */
  seq: z.int().min(1),
  /** The runner's clock, ms. */
  at: z.int(),
  host: z.object({
    cpu_percent: z.number().min(0).max(100).describe('Of all processors.'),
    memory_percent: z.number().min(0).max(100),
    memory_bytes: z.number().min(0).describe('In use.'),
    load: z.number().min(0).describe('Average of the last minute.'),
  }),
  jobs: z.array(z.object({ ...attemptOf, ...usage })).max(MAX_PROGRAMS),
  replicas: z.array(z.object({ ...placementOf, ...usage })).max(MAX_PROGRAMS),
});
export type MetricsBatch = z.infer<typeof metricsBatchSchema>;

/** `n` numbers what is to be acknowledged, by session. */
const n = z.int().min(0);
/** The core's own clock that never goes back, ms. Quoted by the runner, it tells the core how old a frame can be. */
const stamp = z.number();

export const fromRunnerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('heartbeat'),
    n,
    cpu_percent: z.number(),
    memory_percent: z.number(),
    /** Why it can begin no job now. */
    problem: z.string().max(MAX_PROBLEM).optional(),
  }),
  z.object({ type: z.literal('reports'), n, reports: z.array(jobReportSchema).min(1).max(MAX_REPORTS) }),
  /** The newest word on each replica that no core has acknowledged yet; all of it is acknowledged at once. */
  z.object({ type: z.literal('replicas'), n, reports: z.array(replicaReportSchema).max(MAX_REPLICA_REPORTS) }),
  /** Null: the runner has nothing of that attempt. */
  z.object({ type: z.literal('output'), n, chunk: outputChunkSchema.nullable() }),
  /** `doNotPropagate`: another core has acknowledged it, and exposes it. */
  z.object({ type: z.literal('metrics'), n, doNotPropagate: z.boolean(), stamp, batch: metricsBatchSchema }),
  /** What it is by its present options; the cluster knows what it was when it joined. */
  z.object({
    type: z.literal('hello'),
    n,
    labels: labelsSchema,
    capacity: z.int().min(1).max(1_000),
    version: z.string().min(1).max(64),
  }),
  /** A certificate for the same key, before the one in use expires. */
  z.object({ type: z.literal('renew'), n, csr: z.string().max(8192) }),
]);
export type FromRunner = z.infer<typeof fromRunnerSchema>;

export const fromCoreSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), node_id: z.int(), heartbeat_ms: z.int(), lease_ms: z.int(), stamp }),
  z.object({ type: z.literal('cores'), addresses: z.array(hostPort) }),
  z.object({ type: z.literal('work'), work: assignedWorkSchema }),
  /** Of a heartbeat: whether the lease is renewed. Of reports: that the log has them. Of metrics: that they are taken. */
  z.object({ type: z.literal('ack'), n, renewed: z.boolean(), stamp }),
  /** It could not be done now; another core may. */
  z.object({ type: z.literal('nack'), n, detail: z.string() }),
  /** PEM: the CAs by which core nodes are known, and the one that signs certificates now. */
  z.object({ type: z.literal('trust'), ca: z.string(), issuer: z.string() }),
  z.object({ type: z.literal('certificate'), n, certificate: z.string() }),
  z.object({ type: z.literal('output'), n, range: outputRangeSchema }),
]);
export type FromCore = z.infer<typeof fromCoreSchema>;
