/** What a piece of an HAProxy configuration is, for its colour. */
export type TokenKind = 'comment' | 'section' | 'directive' | 'string' | 'number' | 'expression' | 'text';

export interface Token {
  kind: TokenKind;
  text: string;
}

const SECTION =
  /^(global|defaults|frontend|backend|listen|peers|resolvers|userlist|cache|program|mailers|ring|http-errors)\b/;
const PIECE = /("(?:[^"\\]|\\.)*"|'[^']*')|(%?\[[^\]]*\]|\$\{?\w+\}?)|(#.*$)|((?<=\s)\d+(?:us|ms|[smhdk])?(?=\s|$))/g;
const KINDS = ['string', 'expression', 'comment', 'number'] as const;

function tokenizeRest(text: string): Token[] {
  const tokens: Token[] = [];
  let from = 0;
  for (const match of text.matchAll(PIECE)) {
    if (match.index > from) tokens.push({ kind: 'text', text: text.slice(from, match.index) });
    const group = match.slice(1).findIndex((piece) => piece !== undefined);
    tokens.push({ kind: KINDS[group] ?? 'text', text: match[0] });
    from = match.index + match[0].length;
  }
  if (from < text.length) tokens.push({ kind: 'text', text: text.slice(from) });
  return tokens;
}

/** One line of an HAProxy configuration in pieces; joined they are the line. */
export function tokenizeLine(line: string): Token[] {
  const indent = /^\s*/.exec(line)?.[0] ?? '';
  const rest = line.slice(indent.length);
  const lead: Token[] = indent ? [{ kind: 'text', text: indent }] : [];
  if (rest.startsWith('#')) return [...lead, { kind: 'comment', text: rest }];
  const word = /^\S+/.exec(rest)?.[0] ?? '';
  if (!word) return lead;
  const kind = !indent && SECTION.test(word) ? 'section' : 'directive';
  return [...lead, { kind, text: word }, ...tokenizeRest(rest.slice(word.length))];
}
