import { z } from 'zod';

export type JsonObject = Record<string, unknown>;
export type SchemaBook = ReturnType<typeof createSchemaBook>;

/** Formats that say all that the pattern beside them says, at a twentieth of the length. */
const TELLING_FORMATS = new Set(['date-time', 'uuid', 'uri']);

const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Takes out what zod adds of its own and a reader of the document would stumble over. */
function tidy(json: JsonObject): void {
  if (typeof json['format'] === 'string' && TELLING_FORMATS.has(json['format'])) delete json['pattern'];
  if (json['minimum'] === Number.MIN_SAFE_INTEGER) delete json['minimum'];
  if (json['maximum'] === Number.MAX_SAFE_INTEGER) delete json['maximum'];
  // Answers may grow fields; whether a request may hold unknown ones is decided where it is read.
  if (json['additionalProperties'] === false) delete json['additionalProperties'];
  // A transformed value (a flag in a query) has no type of its own: its default tells.
  if (typeof json['default'] === 'boolean' && !('type' in json)) json['type'] = 'boolean';
}

interface Converted {
  /** The schema itself, spelled out even when it has a name. */
  readonly json: JsonObject;
  /** The named schemas inside it. */
  readonly definitions: JsonObject;
}

/** What refers to itself and has no name is `z.json()`: any JSON. Zod numbers these anew in each schema. */
const isAnyJson = (name: string): boolean => name.startsWith('__schema');

function convert(schema: z.ZodType, io: 'input' | 'output'): Converted {
  const { $defs, $schema, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => tidy(jsonSchema as JsonObject),
  }) as JsonObject;
  const all = Object.entries(($defs ?? {}) as Record<string, JsonObject>).filter(([name]) => !isAnyJson(name));
  const { [schema.meta()?.id ?? '']: itself, ...definitions } = Object.fromEntries(all);
  return { json: itself ?? json, definitions };
}

/** JSON Schema keeps shared parts under $defs, OpenAPI under components; some go by another name there. */
function moveRefs(value: unknown, rename: (name: string) => string): JsonObject {
  const text = JSON.stringify(value).replace(/"\$ref":"#\/\$defs\/([^"]+)"/g, (_, name: string) =>
    isAnyJson(name) ? '"description":"Any JSON value"' : `"$ref":"#/components/schemas/${rename(name)}"`,
  );
  return JSON.parse(text) as JsonObject;
}

/**
 * Collects the named schemas of a document. What is accepted can differ from what is answered (fields with a default need
 * not be sent): then the accepted form is a component of its own, `<Name>Input`.
 */
export function createSchemaBook() {
  const schemas: JsonObject = {};

  function answer(schema: z.ZodType): JsonObject {
    const { json, definitions } = convert(schema, 'output');
    const keep = (name: string): string => name;
    for (const [name, definition] of Object.entries(definitions)) schemas[name] ??= moveRefs(definition, keep);
    const named = schema.meta()?.id;
    if (named === undefined) return moveRefs(json, keep);
    schemas[named] ??= moveRefs(json, keep);
    return { $ref: `#/components/schemas/${named}` };
  }

  function request(schema: z.ZodType): JsonObject {
    const accepted = convert(schema, 'input');
    const answered = convert(schema, 'output');
    const rename = (name: string): string =>
      isEqual(accepted.definitions[name], answered.definitions[name]) ? name : `${name}Input`;
    for (const [name, definition] of Object.entries(accepted.definitions)) {
      schemas[rename(name)] ??= moveRefs(definition, rename);
    }
    // As the server reads it: an unknown field is an error, so that a typo is never ignored.
    const json = { ...moveRefs(accepted.json, rename), additionalProperties: false };
    const named = schema.meta()?.id;
    if (named === undefined) return json;
    schemas[`${named}Input`] ??= json;
    return { $ref: `#/components/schemas/${named}Input` };
  }

  return { schemas, answer, request };
}
