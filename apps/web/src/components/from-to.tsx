import { ArrowRight } from 'lucide-react';

/** Who had something before, and who has it now; without the former it is the first. */
export const FromTo = ({ from, to }: { from?: string | undefined; to: string }) => (
  <span className="flex flex-wrap items-center gap-1.5 whitespace-nowrap">
    {from === undefined ? null : (
      <>
        {from}
        <ArrowRight aria-label="to" className="size-3.5 text-ink-3" />
      </>
    )}
    <span className="font-medium">{to}</span>
  </span>
);
