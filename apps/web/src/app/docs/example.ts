import { type ApiDocument, jsonSchemaOf, type Operation, type Parameter, resolve, type Schema } from './document';

const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: '0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a',
  'date-time': '2026-01-31T12:00:00Z',
  uri: 'https://node-1.example:8440',
  cidrv4: '10.0.0.0/8',
  cidrv6: 'fd00::/8',
};
/** Deep enough for every answer; ends schemas that refer to themselves. */
const MAX_DEPTH = 6;

function textExample(schema: Schema, name: string): string {
  const known = BY_FORMAT[schema.format ?? ''];
  if (known !== undefined) return known;
  if (schema.pattern?.startsWith('^sha256:')) return `sha256:${'0123456789abcdef'.repeat(4)}`;
  if (schema.pattern?.startsWith('^qj_')) return `qj_${'x'.repeat(43)}`;
  return name.replaceAll('_', '-').padEnd(schema.minLength ?? 0, 'x');
}

/** A value that the schema accepts: its own example, default or first choice, else one made from its type. */
export function exampleOf(document: ApiDocument, given: Schema, name = 'text', depth = 0): unknown {
  const schema = resolve(document, given);
  if (schema.examples && schema.examples.length > 0) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum && schema.enum.length > 0) return schema.enum[0];
  const [choice] = schema.anyOf ?? [];
  if (choice) return exampleOf(document, choice, name, depth);
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
  switch (type) {
    case 'string':
      return textExample(schema, name);
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    case 'array':
      return schema.items && depth < MAX_DEPTH ? [exampleOf(document, schema.items, name, depth + 1)] : [];
    case 'object': {
      if (depth >= MAX_DEPTH) return {};
      const entries = Object.entries(schema.properties ?? {});
      return Object.fromEntries(entries.map(([key, part]) => [key, exampleOf(document, part, key, depth + 1)]));
    }
    default:
      return null;
  }
}

/** Single-quoted for a POSIX shell. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function urlOf(document: ApiDocument, operation: Operation, origin: string): string {
  const parameters = operation.parameters ?? [];
  const inUrl = (parameter: Parameter): string =>
    encodeURIComponent(String(exampleOf(document, parameter.schema, parameter.name)));
  let { path } = operation;
  for (const parameter of parameters.filter((item) => item.in === 'path')) {
    path = path.replace(`{${parameter.name}}`, inUrl(parameter));
  }
  const required = parameters.filter((item) => item.in === 'query' && item.required);
  const query = required.map((parameter) => `${parameter.name}=${inUrl(parameter)}`).join('&');
  return `${origin}${path}${query ? `?${query}` : ''}`;
}

/** A command that calls the operation on `origin`: the token comes from $QUORATE_TOKEN, so that it stays out of history. */
export function curlOf(document: ApiDocument, operation: Operation, origin: string): string {
  const isLocal = operation.access === 'local';
  const parts = ['curl'];
  const success = Object.values(operation.responses)[0];
  if (success?.content?.['text/event-stream']) parts.push('--no-buffer');
  if (isLocal) parts.push('--unix-socket .quorate/agent.sock');
  if (operation.method !== 'get') parts.push(`--request ${operation.method.toUpperCase()}`);
  const lines = [`${parts.join(' ')} ${quote(urlOf(document, operation, isLocal ? 'http://local' : origin))}`];
  if (operation.access !== 'public' && !isLocal) lines.push('--header "Authorization: Bearer $QUORATE_TOKEN"');
  if (operation.method === 'post') lines.push('--header "Idempotency-Key: $(uuidgen)"');
  const body = jsonSchemaOf(operation.requestBody?.content);
  if (body) {
    lines.push("--header 'Content-Type: application/json'");
    lines.push(`--data ${quote(JSON.stringify(exampleOf(document, body), null, 2))}`);
  }
  return lines.join(' \\\n  ');
}
