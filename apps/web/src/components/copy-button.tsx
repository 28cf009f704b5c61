'use client';

import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { toast } from 'sonner';
import { copyText } from '@/lib/clipboard';
import { cn } from '@/lib/cn';
import { Button, type ButtonProps } from './ui/button';

interface CopyButtonProps {
  text: string;
  /** What is copied, for the name of the button: "Copy <what>". */
  what: string;
  /** Shows the word beside the icon. */
  labelled?: boolean;
  variant?: ButtonProps['variant'];
  className?: string;
}

export function CopyButton({ text, what, labelled = false, variant = 'ghost', className }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  const Icon = copied ? Check : Copy;
  return (
    <Button
      variant={variant}
      size={labelled ? 'sm' : 'icon'}
      className={cn(!labelled && 'size-7', className)}
      aria-label={`Copy ${what}`}
      onClick={async (event) => {
        const done = await copyText(text, event.currentTarget);
        setCopied(done);
        if (!done) toast.error('The browser did not let the console copy', { description: 'Select the text instead.' });
      }}
    >
      <Icon aria-hidden className={copied ? 'text-ok' : ''} />
      {labelled ? (copied ? 'Copied' : 'Copy') : null}
      <span role="status" className="sr-only">
        {copied ? `Copied ${what}` : ''}
      </span>
    </Button>
  );
}
