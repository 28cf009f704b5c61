/** The parts of OpenAPI 3.1 that the node's own document uses. */
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  description?: string;
  format?: string;
  pattern?: string;
  enum?: readonly unknown[];
  const?: unknown;
  default?: unknown;
  examples?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  anyOf?: readonly Schema[];
  allOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: Schema;
}

export interface ErrorEntry {
  code: string;
  title: string;
}

export interface ApiResponse {
  description: string;
  headers?: Readonly<Record<string, { description?: string }>>;
  content?: Readonly<Record<string, { schema?: Schema }>>;
  'x-quorate-errors'?: readonly ErrorEntry[];
}

interface OperationObject {
  operationId: string;
  tags?: readonly string[];
  summary?: string;
  description?: string;
  'x-quorate-access'?: string;
  parameters?: readonly Parameter[];
  requestBody?: { required?: boolean; content: Readonly<Record<string, { schema?: Schema }>> };
  responses: Readonly<Record<string, ApiResponse>>;
}

export interface ApiDocument {
  info: { title: string; version: string; description?: string };
  tags?: readonly { name: string; description?: string }[];
  paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  components?: { schemas?: Readonly<Record<string, Schema>> };
}

export interface Operation extends OperationObject {
  method: string;
  path: string;
  access: string;
}

export interface Group {
  name: string;
  description: string;
  operations: readonly Operation[];
}

/** Every operation by tag, both in the order of the document. */
export function groupsOf(document: ApiDocument): Group[] {
  const groups = new Map<string, { description: string; operations: Operation[] }>();
  for (const { name, description = '' } of document.tags ?? []) groups.set(name, { description, operations: [] });
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'Other';
      const group = groups.get(tag) ?? { description: '', operations: [] };
      group.operations.push({ ...operation, method, path, access: operation['x-quorate-access'] ?? '' });
      groups.set(tag, group);
    }
  }
  return [...groups].filter(([, { operations }]) => operations.length > 0).map(([name, group]) => ({ name, ...group }));
}

function words(operation: Operation): string {
  const { operationId, method, path, summary = '', description = '', access, parameters = [], responses } = operation;
  const codes = Object.values(responses).flatMap((response) =>
    (response['x-quorate-errors'] ?? []).map((error) => error.code),
  );
  const names = parameters.map((parameter) => parameter.name);
  return [operationId, method, path, summary, description, access, ...names, ...codes].join(' ').toLowerCase();
}

/** The groups with the operations in which every word of `query` occurs; a group whose name holds a word counts too. */
export function filterGroups(groups: readonly Group[], query: string): Group[] {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return [...groups];
  return groups
    .map((group) => {
      const tag = group.name.toLowerCase();
      const operations = group.operations.filter((operation) => {
        const text = `${tag} ${words(operation)}`;
        return wanted.every((word) => text.includes(word));
      });
      return { ...group, operations };
    })
    .filter((group) => group.operations.length > 0);
}

/** The name a `$ref` into the components ends with. */
export const refName = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** Follows a `$ref`; what stands beside it (a description) wins. */
export function resolve(document: ApiDocument, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  return { ...(document.components?.schemas?.[refName($ref)] ?? {}), ...beside };
}

/** The JSON schema of a body or answer, or undefined when it is none. */
export const jsonSchemaOf = (content: Readonly<Record<string, { schema?: Schema }>> | undefined): Schema | undefined =>
  content?.['application/json']?.schema;

/** The success answer: status and response. */
export function successOf(operation: Operation): { status: string; response: ApiResponse } | undefined {
  const found = Object.entries(operation.responses).find(([status]) => status.startsWith('2'));
  return found && { status: found[0], response: found[1] };
}

/** The error answers by status, ascending. */
export const errorsOf = (operation: Operation): { status: string; errors: readonly ErrorEntry[] }[] =>
  Object.entries(operation.responses)
    .filter(([, response]) => response['x-quorate-errors'] !== undefined)
    .map(([status, response]) => ({ status, errors: response['x-quorate-errors'] ?? [] }));
