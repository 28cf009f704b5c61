import { type ApiDocument, refName, resolve, type Schema } from './document';

/** Longer patterns help nobody who reads. */
const MAX_PATTERN_CHARS = 60;

const isNull = (schema: Schema): boolean => schema.type === 'null';

/** The type in words: `string (uuid) | null`, `array of Member`, `map of string`. */
export function typeWords(schema: Schema): string {
  if (schema.$ref !== undefined) return refName(schema.$ref);
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeWords))].join(' | ');
  if (schema.type === undefined) return schema.const === undefined && !schema.enum ? 'any' : 'constant';
  if (typeof schema.type !== 'string') return schema.type.join(' | ');
  if (schema.type === 'array') return `array of ${schema.items ? typeWords(schema.items) : 'any'}`;
  const values = schema.additionalProperties;
  if (schema.type === 'object' && !schema.properties && typeof values === 'object')
    return `map of ${typeWords(values)}`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type;
}

function range(least: number | undefined, most: number | undefined, unit: string): string | undefined {
  if (least === undefined && most === undefined) return undefined;
  const text =
    most === undefined ? `at least ${least}` : (least ?? 0) === 0 ? `at most ${most}` : `${least} to ${most}`;
  return `${text}${unit}`;
}

const innerOf = (schema: Schema): Schema => schema.anyOf?.find((choice) => !isNull(choice)) ?? schema;

/** Bounds, default and pattern as short phrases. */
export function constraintWords(schema: Schema): string[] {
  const inner = innerOf(schema);
  const { pattern = '' } = inner;
  const phrases = [
    range(inner.minimum, inner.maximum, ''),
    range(inner.minLength, inner.maxLength, ' characters'),
    range(inner.minItems, inner.maxItems, ' items'),
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
    pattern && pattern.length <= MAX_PATTERN_CHARS ? `matches ${pattern}` : undefined,
  ];
  return phrases.filter((phrase) => phrase !== undefined);
}

/** The values to choose from, or none. */
export function choicesOf(schema: Schema): string[] {
  const inner = innerOf(schema.type === 'array' && schema.items ? schema.items : schema);
  const values = inner.enum ?? (inner.const === undefined ? [] : [inner.const]);
  return values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
}

/** The object inside a schema (through references, arrays, maps and alternatives), when it has fields to show. */
export function fieldsInside(document: ApiDocument, given: Schema): Schema | undefined {
  let schema = given;
  for (let depth = 0; depth < 5; depth++) {
    schema = innerOf(resolve(document, schema));
    if (schema.properties) return schema;
    const values = schema.additionalProperties;
    const next = schema.items ?? (typeof values === 'object' ? values : schema.$ref ? schema : undefined);
    if (next === undefined) return undefined;
    schema = next;
  }
  return undefined;
}

/** The names of the components a schema goes through, to stop where one comes again. */
export function refsInside(schema: Schema): string[] {
  const own = schema.$ref === undefined ? [] : [schema.$ref];
  const values = typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
  const parts = [...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? []), ...values];
  return [...own, ...parts.flatMap(refsInside)];
}
