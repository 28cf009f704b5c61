'use client';

import type { CallResult } from '@quorate/shared/client';
import type { HaproxyFinding, haproxyRoutes } from '@quorate/shared/haproxy';
import { CircleCheck, CircleX, Download, Info, type LucideIcon, TriangleAlert } from 'lucide-react';
import { CopyButton } from '@/components/copy-button';
import { LookBadge, type Tone } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { downloadText } from '@/lib/clipboard';
import { plural } from '@/lib/format';
import { ConfigText } from './config-text';

const SEVERITY: Record<HaproxyFinding['severity'], { word: string; tone: Tone; icon: LucideIcon }> = {
  error: { word: 'Error', tone: 'bad', icon: CircleX },
  warning: { word: 'Warning', tone: 'warn', icon: TriangleAlert },
  advice: { word: 'Advice', tone: 'info', icon: Info },
};

/** What was found line by line, and the rewritten text. */
export function CheckResult({ result }: { result: CallResult<typeof haproxyRoutes.check> }) {
  const { findings, rewritten, version, ok } = result;
  return (
    <div className="min-w-0 space-y-4" aria-live="polite">
      <Panel title={`Findings for HAProxy ${version}`} flush>
        <div className="p-3.5">
          <Notice
            tone={ok ? 'ok' : 'bad'}
            title={ok ? `HAProxy ${version} should accept this` : `HAProxy ${version} would refuse this`}
          >
            {findings.length === 0 ? 'Nothing to change.' : `${plural(findings.length, 'line')} to look at.`}
          </Notice>
        </div>
        {findings.length > 0 ? (
          <ol className="divide-y border-t">
            {findings.map((finding) => (
              <Finding key={`${finding.line}-${finding.message}`} finding={finding} />
            ))}
          </ol>
        ) : null}
      </Panel>
      {findings.length > 0 ? (
        <Panel
          title="Rewritten"
          flush
          actions={
            <>
              <CopyButton text={rewritten} what="rewritten configuration" labelled />
              <Button size="sm" onClick={() => downloadText('haproxy.cfg', rewritten)}>
                <Download aria-hidden />
                Download
              </Button>
            </>
          }
        >
          <ConfigText text={rewritten} label="Rewritten configuration" className="max-h-[50vh]" />
        </Panel>
      ) : (
        <Panel>
          <p className="flex items-center gap-2 text-ink-2">
            <CircleCheck aria-hidden className="size-4 text-ok" />
            Check it with the real program too: <code className="font-mono text-xs">haproxy -c -f haproxy.cfg</code>
          </p>
        </Panel>
      )}
    </div>
  );
}

function Finding({ finding }: { finding: HaproxyFinding }) {
  const { word, tone, icon } = SEVERITY[finding.severity];
  return (
    <li className="space-y-1.5 px-3.5 py-2.5">
      <p className="flex flex-wrap items-center gap-2">
        <LookBadge look={[word, tone, icon]} />
        <span className="text-ink-3 text-xs">
          line {finding.line}
          {finding.since ? ` · since ${finding.since}` : ''}
        </span>
      </p>
      <p className="text-ink">{finding.message}</p>
      <div className="break-all rounded border bg-sunken px-2.5 py-1 font-mono text-xs leading-5">
        {finding.replacement === null ? (
          <p className="text-ink-2">{finding.text.trim()}</p>
        ) : (
          <>
            <p className="text-bad">
              <span aria-hidden>− </span>
              <span className="sr-only">Now: </span>
              {finding.text.trim()}
            </p>
            <p className="whitespace-pre-wrap text-ok">
              <span aria-hidden>+ </span>
              <span className="sr-only">Instead: </span>
              {finding.replacement.trim() || <span className="font-sans text-ink-3 italic">drop the line</span>}
            </p>
          </>
        )}
      </div>
    </li>
  );
}
