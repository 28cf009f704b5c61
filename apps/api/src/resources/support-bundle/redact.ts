const REDACTED = '[redacted]';

/** How secrets look wherever they stand: in a message, a URL, an error. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, REDACTED],
  [/\b(qj_|qa_)[\w-]{16,}/g, `$1${REDACTED}`],
  [/\b(whsec_)[A-Za-z0-9+/=]{16,}/g, `$1${REDACTED}`],
  // JWT and JWE, compact.
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){2,4}/g, REDACTED],
  [/\$argon2[a-z]*\$[^\s"']+/g, REDACTED],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
];

/** Takes out what looks like a secret, and every one of `known` wherever it stands. Pure. */
export function redactSecrets(text: string, known: readonly string[]): string {
  let clean = text;
  for (const secret of known) if (secret.length >= 6) clean = clean.replaceAll(secret, REDACTED);
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}
