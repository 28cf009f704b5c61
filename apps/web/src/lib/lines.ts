/**
 * Lists and maps in a text area: one entry a line. An entry that a line cannot hold (line breaks, blanks at an end, nothing at
 * all) is written as a JSON string, `"in quotes"`.
 */

const needsQuotes = (text: string): boolean => text === '' || text !== text.trim() || /^"|[\r\n]/.test(text);
const write = (text: string): string => (needsQuotes(text) ? JSON.stringify(text) : text);

function read(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text;
  }
}

const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(Boolean);

export const listToText = (list: readonly string[]): string => list.map(write).join('\n');
export const textToList = (text: string): string[] => linesOf(text).map(read);

/** `KEY=value` lines. */
export const mapToText = (map: Readonly<Record<string, string>>): string =>
  Object.entries(map)
    .map(([key, value]) => `${key}=${value === '' ? '' : write(value)}`)
    .join('\n');

/** The reverse of {@link mapToText}; see {@link lineWithoutValue} for what it cannot read. */
export const textToMap = (text: string): Record<string, string> =>
  Object.fromEntries(
    linesOf(text).map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at).trim(), read(line.slice(at + 1).trim())];
    }),
  );

/** Why a text is no map, or undefined. */
export function lineWithoutValue(text: string, example: string): string | undefined {
  const line = linesOf(text).find((candidate) => !candidate.includes('='));
  return line === undefined ? undefined : `“${line}” has no value: write ${example}`;
}

const PLAIN = /^[\w@%+=:,./-]+$/;
/** A command as somebody would type it into a shell; for reading, not for running. */
export const commandLine = ({ command, args }: { command: string; args: readonly string[] }): string =>
  [command, ...args].map((word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
