import type { ReactNode } from 'react';
import { InlineText } from './inline-text';

export interface Note {
  id: string;
  title: string;
  /** Sentences; code between backticks. */
  text: readonly string[];
}

/** What holds for every operation. */
export const NOTES: readonly Note[] = [
  {
    id: 'authentication',
    title: 'Authentication',
    text: [
      'Send `Authorization: Bearer` with an API token (`qa_…`) or with the token that `POST /v1/session` answers. Browsers carry the session in an HttpOnly cookie instead.',
      'The roles are viewer, operator and admin; each may do all that the ones before it may. Where a node serves its own certificate, give curl the CA of the cluster with `--cacert`.',
    ],
  },
  {
    id: 'errors',
    title: 'Errors',
    text: [
      'Every error is an RFC 9457 problem document (`application/problem+json`). Decide by `code`: it is stable. `detail` says what is wrong and the cure, `errors` names each field that is not valid by JSON pointer.',
      'Unknown fields and query parameters are refused, so that a typo is never ignored. A 500 tells the `request_id` only; the log of the node has the rest.',
    ],
  },
  {
    id: 'idempotency',
    title: 'Idempotency-Key',
    text: [
      'Under the same key (1 to 128 printable ASCII characters) the same request is done once, through whichever node it is repeated, and answers the same. Keys belong to the caller and are remembered for a day.',
      'Another request under a used key is refused with `idempotency_key_reused`.',
    ],
  },
  {
    id: 'consistency',
    title: 'Consistency',
    text: [
      'Reads answer from the node itself, which may be a moment behind. A write answers with its log index in `X-Quorate-Index`; sent as `X-Quorate-Min-Index` on a read through any node, it makes that read include the write. After 5 s of waiting the answer is 503 `index_not_reached`.',
      '`?consistency=linearizable` asks the quorum first: the read then includes every write acknowledged before it.',
    ],
  },
  {
    id: 'pagination',
    title: 'Pages',
    text: [
      'Lists take `limit` (1 to 500, else 50) and `cursor`. Ask again with `cursor` set to `next_cursor` until that is null; the `Link` header holds the same as `rel="next"`.',
    ],
  },
  {
    id: 'availability',
    title: 'Without quorum, and in doubt',
    text: [
      '503 `no_quorum`: the write did not happen. Local reads go on. Try again after `Retry-After`.',
      '504 `outcome_unknown`: the write may or may not have happened. Repeat it under the same `Idempotency-Key`, or ask `GET /v1/commands/{id}` with the `command_id` of the problem document.',
    ],
  },
];

export function Notes(): ReactNode {
  return (
    <div className="grid gap-x-8 gap-y-5 py-5 md:grid-cols-2">
      {NOTES.map(({ id, title, text }) => (
        <section key={id} id={id} aria-labelledby={`${id}-title`} className="scroll-mt-14">
          <h2 id={`${id}-title`} className="mb-1 font-semibold text-ink">
            {title}
          </h2>
          {text.map((paragraph) => (
            <p key={paragraph} className="mb-1.5 max-w-prose break-words text-ink-2">
              <InlineText text={paragraph} />
            </p>
          ))}
        </section>
      ))}
    </div>
  );
}
