import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';

/**
 * The part of etcd's v3 API that Quorate speaks, as data: field name → type and field number, exactly as in
 * etcd's `rpc.proto` and `kv.proto` (the wire format that 3.4, 3.5 and 3.6 share). It is not a `.proto` file so
 * that a bundled daemon reads no file at run time. Unknown fields of newer servers are ignored.
 */
const MESSAGES: Record<string, Record<string, string>> = {
  // Fields that nobody reads are left out: a 64-bit id takes longer to write in decimal than the rest takes to decode.
  ResponseHeader: { revision: 'int64 3', raft_term: 'uint64 4' },
  MemberHeader: { member_id: 'uint64 2', revision: 'int64 3', raft_term: 'uint64 4' },
  KeyValue: { key: 'bytes 1', mod_revision: 'int64 3', version: 'int64 4', value: 'bytes 5' },
  Event: { type: 'int32 1', kv: 'KeyValue 2' },

  RangeRequest: {
    key: 'bytes 1',
    range_end: 'bytes 2',
    limit: 'int64 3',
    revision: 'int64 4',
    serializable: 'bool 7',
    keys_only: 'bool 8',
  },
  RangeResponse: { header: 'ResponseHeader 1', kvs: 'repeated KeyValue 2', more: 'bool 3', count: 'int64 4' },
  PutRequest: { key: 'bytes 1', value: 'bytes 2' },
  PutResponse: { header: 'ResponseHeader 1' },
  RequestOp: { request_range: 'RangeRequest 1', request_put: 'PutRequest 2' },
  ResponseOp: { response_range: 'RangeResponse 1', response_put: 'PutResponse 2' },
  // `version`, `create_revision`, `mod_revision` and `value` are one oneof on the wire: set the one that `target` names.
  Compare: { result: 'int32 1', target: 'int32 2', key: 'bytes 3', version: 'int64 4', value: 'bytes 7' },
  TxnRequest: { compare: 'repeated Compare 1', success: 'repeated RequestOp 2', failure: 'repeated RequestOp 3' },
  TxnResponse: { header: 'ResponseHeader 1', succeeded: 'bool 2', responses: 'repeated ResponseOp 3' },
  CompactionRequest: { revision: 'int64 1', physical: 'bool 2' },
  CompactionResponse: { header: 'ResponseHeader 1' },

  WatchCreateRequest: { key: 'bytes 1', range_end: 'bytes 2', start_revision: 'int64 3', fragment: 'bool 8' },
  WatchRequest: { create_request: 'WatchCreateRequest 1' },
  WatchResponse: {
    header: 'ResponseHeader 1',
    watch_id: 'int64 2',
    created: 'bool 3',
    canceled: 'bool 4',
    compact_revision: 'int64 5',
    cancel_reason: 'string 6',
    fragment: 'bool 7',
    events: 'repeated Event 11',
  },

  Member: {
    id: 'uint64 1',
    name: 'string 2',
    peer_urls: 'repeated string 3',
    client_urls: 'repeated string 4',
    is_learner: 'bool 5',
  },
  MemberListRequest: { linearizable: 'bool 1' },
  MemberAddRequest: { peer_urls: 'repeated string 1', is_learner: 'bool 2' },
  MemberRemoveRequest: { id: 'uint64 1' },
  MemberPromoteRequest: { id: 'uint64 1' },
  MemberListResponse: { header: 'ResponseHeader 1', members: 'repeated Member 2' },
  MemberAddResponse: { header: 'ResponseHeader 1', member: 'Member 2', members: 'repeated Member 3' },

  StatusRequest: {},
  StatusResponse: {
    header: 'MemberHeader 1',
    version: 'string 2',
    db_size: 'int64 3',
    leader: 'uint64 4',
    raft_index: 'uint64 5',
    raft_term: 'uint64 6',
    raft_applied_index: 'uint64 7',
    errors: 'repeated string 8',
    db_size_in_use: 'int64 9',
    is_learner: 'bool 10',
  },
  AlarmRequest: { action: 'int32 1', member_id: 'uint64 2', alarm: 'int32 3' },
  AlarmMember: { member_id: 'uint64 1', alarm: 'int32 2' },
  AlarmResponse: { header: 'ResponseHeader 1', alarms: 'repeated AlarmMember 2' },
  HashKVRequest: { revision: 'int64 1' },
  HashKVResponse: { header: 'ResponseHeader 1', hash: 'uint32 2', compact_revision: 'int64 3' },
  DefragmentRequest: {},
  DefragmentResponse: { header: 'ResponseHeader 1' },
  MoveLeaderRequest: { target_id: 'uint64 1' },
  MoveLeaderResponse: { header: 'ResponseHeader 1' },
};

/** service → method → [request, response]. `Watch.Watch` streams both ways; all others are unary. */
const SERVICES: Record<string, Record<string, readonly [string, string]>> = {
  KV: {
    Range: ['RangeRequest', 'RangeResponse'],
    Put: ['PutRequest', 'PutResponse'],
    Txn: ['TxnRequest', 'TxnResponse'],
    Compact: ['CompactionRequest', 'CompactionResponse'],
  },
  Watch: { Watch: ['WatchRequest', 'WatchResponse'] },
  Cluster: {
    MemberList: ['MemberListRequest', 'MemberListResponse'],
    MemberAdd: ['MemberAddRequest', 'MemberAddResponse'],
    MemberRemove: ['MemberRemoveRequest', 'MemberListResponse'],
    MemberPromote: ['MemberPromoteRequest', 'MemberListResponse'],
  },
  Maintenance: {
    Status: ['StatusRequest', 'StatusResponse'],
    Alarm: ['AlarmRequest', 'AlarmResponse'],
    HashKV: ['HashKVRequest', 'HashKVResponse'],
    Defragment: ['DefragmentRequest', 'DefragmentResponse'],
    MoveLeader: ['MoveLeaderRequest', 'MoveLeaderResponse'],
  },
};

/** 64-bit numbers arrive as decimal strings (member ids exceed 2^53) and may be sent as either. */
export type Int64 = string | number;

export interface ResponseHeader {
  readonly revision: string;
  readonly raft_term: string;
}
export interface MemberHeader extends ResponseHeader {
  readonly member_id: string;
}
export interface KeyValue {
  readonly key: Buffer;
  readonly mod_revision: string;
  readonly version: string;
  readonly value: Buffer;
}
/** `type`: 0 = PUT, 1 = DELETE. */
export interface WatchEvent {
  readonly type: number;
  readonly kv: KeyValue;
}
export interface RangeRequest {
  readonly key: Uint8Array;
  readonly range_end?: Uint8Array;
  readonly limit?: Int64;
  readonly revision?: Int64;
  readonly serializable?: boolean;
  readonly keys_only?: boolean;
}
export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: string;
}
export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
export interface HeaderResponse {
  readonly header: ResponseHeader;
}
export type RequestOp = { readonly request_range: RangeRequest } | { readonly request_put: PutRequest };
export interface ResponseOp {
  readonly response_range: RangeResponse | null;
  readonly response_put: HeaderResponse | null;
}
/** etcd's enums, by number. */
export const COMPARE_EQUAL = 0;
export const TARGET_VERSION = 0;
export const TARGET_VALUE = 3;
export type Compare =
  | {
      readonly result: number;
      readonly target: typeof TARGET_VERSION;
      readonly key: Uint8Array;
      readonly version: Int64;
    }
  | {
      readonly result: number;
      readonly target: typeof TARGET_VALUE;
      readonly key: Uint8Array;
      readonly value: Uint8Array;
    };
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}
export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}
export interface WatchCreateRequest {
  readonly key: Uint8Array;
  readonly range_end?: Uint8Array;
  readonly start_revision: Int64;
}
export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compact_revision: string;
  readonly cancel_reason: string;
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}
export interface Member {
  readonly id: string;
  /** Empty until the member has started once. */
  readonly name: string;
  readonly peer_urls: readonly string[];
  readonly client_urls: readonly string[];
  readonly is_learner: boolean;
}
export interface StatusResponse {
  readonly header: MemberHeader;
  readonly version: string;
  /** Bytes of the backend file, free pages included. */
  readonly db_size: string;
  readonly db_size_in_use: string;
  /** Member id, `0` while there is no leader. */
  readonly leader: string;
  readonly raft_index: string;
  readonly raft_term: string;
  readonly raft_applied_index: string;
  readonly errors: readonly string[];
  readonly is_learner: boolean;
}
/** `alarm`: 1 = NOSPACE, 2 = CORRUPT. */
export interface AlarmMember {
  readonly member_id: string;
  readonly alarm: number;
}
interface MembersResponse {
  readonly header: ResponseHeader;
  readonly members: readonly Member[];
}

/** Request and response of every unary method, by `Service.Method`. */
export interface UnaryMethods {
  'KV.Range': [RangeRequest, RangeResponse];
  'KV.Put': [PutRequest, HeaderResponse];
  'KV.Txn': [TxnRequest, TxnResponse];
  'KV.Compact': [{ revision: Int64; physical?: boolean }, HeaderResponse];
  'Cluster.MemberList': [{ linearizable?: boolean }, MembersResponse];
  'Cluster.MemberAdd': [
    { peer_urls: readonly string[]; is_learner: boolean },
    MembersResponse & { readonly member: Member },
  ];
  'Cluster.MemberRemove': [{ id: Int64 }, MembersResponse];
  'Cluster.MemberPromote': [{ id: Int64 }, MembersResponse];
  'Maintenance.Status': [Record<string, never>, StatusResponse];
  'Maintenance.Alarm': [
    { action: number; member_id?: Int64; alarm: number },
    { readonly header: ResponseHeader; readonly alarms: readonly AlarmMember[] },
  ];
  'Maintenance.HashKV': [
    { revision: Int64 },
    { readonly header: ResponseHeader; readonly hash: number; readonly compact_revision: string },
  ];
  'Maintenance.Defragment': [Record<string, never>, HeaderResponse];
  'Maintenance.MoveLeader': [{ target_id: Int64 }, HeaderResponse];
}
export type UnaryMethod = keyof UnaryMethods;

type JsonRoot = Parameters<typeof fromJSON>[0];

/** protobufjs's JSON form of the tables above. etcd writes `peerURLs`, but names don't travel, only numbers do. */
function jsonDescriptor(): JsonRoot {
  const types = Object.entries(MESSAGES).map(([name, fields]) => [name, { fields: mapValues(fields, parseField) }]);
  const services = Object.entries(SERVICES).map(([name, methods]) => [
    name,
    {
      methods: mapValues(methods, ([requestType, responseType], method) => ({
        requestType,
        responseType,
        ...(method === 'Watch' ? { requestStream: true, responseStream: true } : {}),
      })),
    },
  ]);
  return { nested: { etcdserverpb: { nested: Object.fromEntries([...types, ...services]) } } };
}

function parseField(declaration: string): { type: string; id: number; rule?: string } {
  const words = declaration.split(' ');
  const repeated = words.length === 3;
  const [type, id] = repeated ? words.slice(1) : words;
  return { type: type ?? '', id: Number(id), ...(repeated ? { rule: 'repeated' } : {}) };
}

function mapValues<T, U>(record: Record<string, T>, map: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}

// KeyValue and Event live in package mvccpb at etcd; message type names don't travel either.
const definitions = fromJSON(jsonDescriptor(), { keepCase: true, longs: String, defaults: true, arrays: true });

/** Path and codecs of one method. */
export function methodDefinition(service: string, method: string): MethodDefinition<object, object> {
  const entry = (
    definitions[`etcdserverpb.${service}`] as Record<string, MethodDefinition<object, object>> | undefined
  )?.[method];
  if (!entry) throw new Error(`etcd method ${service}.${method} is not declared`);
  return entry;
}
