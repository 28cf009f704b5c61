import type { HaproxyFinding } from '@quorate/shared/haproxy';
import { type ConfigLine, rest } from './line';

/**
 * What changed in HAProxy's language, as data. Versions are those that HAProxy's own error messages, its manual and
 * its CHANGELOG name; the installed HAProxy confirms the 2.6 ones in the tests.
 */
export interface DirectiveRule {
  /** The first one or two words, without a leading `no`. */
  readonly directive: string;
  readonly where: 'global' | 'proxy';
  /** From this version on it is refused. */
  readonly removed?: string;
  /** From this version on it is ignored, or draws a warning. */
  readonly deprecated?: string;
  /** Unknown before this version. */
  readonly introduced?: string;
  /** Severity where no version decides; without it the rule is silent there. */
  readonly severity?: HaproxyFinding['severity'];
  readonly message: string;
  /** Lines to write instead; [] = drop the line; null or absent = nothing mechanical. */
  readonly replace?: (line: ConfigLine) => readonly string[] | null;
}

export const drop = (): string[] => [];
/** Same arguments under another name of `words` words. */
export const rename = (to: string, from: number) => (line: ConfigLine) => [`${to} ${rest(line, from)}`.trim()];
