import type { FieldError } from '@quorate/shared/problem';
import { serviceSpecSchema } from '@quorate/shared/services';
import { pointerPart, unknownFields } from '@quorate/shared/unknown-fields';
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { messageOf, pathOfPointer } from '../../../lib/errors';

/** What is wrong with a text, and where. */
export interface TextProblem {
  /** From 1; of the nearest thing around it where the field itself is missing. */
  readonly line: number;
  /** Of the field; empty where the text cannot be read or is none of a specification. */
  readonly pointer: string;
  readonly message: string;
}

const MAX_ALIASES = 10;

export const textOfSpec = (spec: unknown): string => JSON.stringify(spec, null, 2);

/** A text of JSON, or of YAML, which JSON is a part of. */
function read(text: string) {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  const lineAt = (offset: number): number => lineCounter.linePos(offset).line;
  const [error] = document.errors;
  if (error) return { document, lineAt, error: { at: error.pos[0], message: firstLine(error.message) } };
  try {
    return { document, lineAt, spec: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown };
  } catch (thrown) {
    // Aliases that unfold to far more than what was typed.
    return { document, lineAt, error: { at: 0, message: firstLine(String(thrown)) } };
  }
}

const firstLine = (message: string): string => message.split(/ at line |\n/)[0] ?? message;

/** What the text says, unchecked; undefined where it cannot be read. */
export const specOfText = (text: string): unknown => read(text).spec;

/** Why the text cannot be sent: it is no JSON, or has fields that would be left out without a word. */
export function unreadable(text: string): TextProblem[] {
  const { lineAt, error, spec } = read(text);
  if (error) return [{ line: lineAt(error.at), pointer: '', message: error.message }];
  const taken = serviceSpecSchema.safeParse(spec).data;
  const unknown = unknownFields(spec, taken);
  return placed(
    text,
    unknown.map((pointer) => ({ pointer, detail: 'unknown field' })),
  );
}

/** All that is wrong with the text, by line. `refused` is what the server said of the body that had it as `/spec`. */
export function problemsOf(text: string, refused: readonly FieldError[]): TextProblem[] {
  const problems = unreadable(text);
  if (problems.length > 0) return problems;
  const issues = serviceSpecSchema.safeParse(specOfText(text)).error?.issues ?? [];
  if (issues.length === 0) {
    const own = refused.filter(({ pointer }) => pointer.startsWith('/spec'));
    return placed(
      text,
      own.map(({ pointer, detail }) => ({ pointer: pointer.slice('/spec'.length), detail })),
    );
  }
  const at = (path: readonly PropertyKey[]): string => path.map((part) => `/${pointerPart(part)}`).join('');
  return placed(
    text,
    issues.map((issue) => ({ pointer: at(issue.path), detail: messageOf(issue) })),
  );
}

function placed(text: string, errors: readonly FieldError[]): TextProblem[] {
  const { document, lineAt } = read(text);
  return errors
    .map(({ pointer, detail }) => {
      const offset = offsetOf(document.contents, pathOfPointer(pointer));
      return { line: lineAt(offset), pointer, message: detail };
    })
    .sort((a, b) => a.line - b.line);
}

/** Where the field begins, or the innermost thing around it that there is. */
function offsetOf(root: Node | null, path: readonly string[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const part of path) {
    const next: unknown = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part)
      : isSeq(node)
        ? node.items[Number(part)]
        : undefined;
    if (next === undefined) break;
    const [start, value] = isPair(next) ? [next.key, next.value] : [next, next];
    offset = (start as Node).range?.[0] ?? offset;
    node = value;
  }
  return offset;
}
