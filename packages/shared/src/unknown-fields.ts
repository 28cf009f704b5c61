/** A key or an index as a part of a JSON pointer. */
export const pointerPart = (part: PropertyKey): string => String(part).replaceAll('~', '~0').replaceAll('/', '~1');

const isContainer = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** JSON pointers of the fields that a schema has dropped without a word: those of what came in that are not in what came out. */
export function unknownFields(given: unknown, taken: unknown, pointer = ''): string[] {
  // What a schema takes as it is can be of any depth.
  if (given === taken || !isContainer(given) || !isContainer(taken)) return [];
  return Object.entries(given).flatMap(([key, value]) => {
    const at = `${pointer}/${pointerPart(key)}`;
    return Object.hasOwn(taken, key) ? unknownFields(value, taken[key], at) : [at];
  });
}
