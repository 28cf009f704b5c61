/** A sentence of the document: what stands between backticks is code. */
export function InlineText({ text }: { text: string }) {
  // The pieces of one fixed text: their order is their identity.
  return text.split('`').map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <code key={index} className="break-words font-mono text-ink text-xs">
        {part}
      </code>
    ) : (
      part
    ),
  );
}
