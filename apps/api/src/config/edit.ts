import { type Document, isMap, parseDocument, YAMLMap } from 'yaml';
import { CONFIG_KEYS } from './keys';
import { ConfigError, suggestKey } from './problem';

/**
 * Sets keys in the text of a configuration file and keeps its comments, order and the other keys as they are.
 * `undefined` removes a key. An empty text is a valid start.
 * @throws ConfigError when the text is not YAML, a section holds a value, or a key does not exist
 */
export function editConfig(text: string, changes: Readonly<Record<string, unknown>>, label = 'the file'): string {
  const fail = (key: string, message: string): never => {
    throw new ConfigError([{ key, origin: label, message }]);
  };
  const doc: Document = parseDocument(text);
  for (const error of doc.errors) fail('', error.message);
  if (doc.contents === null || doc.contents.toJSON() === null) doc.contents = doc.createNode({});
  if (!isMap(doc.contents)) fail('', 'expected keys and values');

  for (const [path, value] of Object.entries(changes)) {
    if (!CONFIG_KEYS.has(path)) fail(path, `unknown key${suggestKey(path)}`);
    const names = path.split('.');
    for (let depth = 1; depth < names.length; depth++) {
      const section = names.slice(0, depth);
      const present: unknown = doc.getIn(section);
      if (present === null || present === undefined) {
        if (value !== undefined) doc.setIn(section, new YAMLMap(doc.schema));
      } else if (!isMap(present)) fail(section.join('.'), 'expected a section with keys below it');
    }
    if (value === undefined) doc.deleteIn(names);
    else doc.setIn(names, value);
  }
  return doc.toString({ lineWidth: 0 });
}
