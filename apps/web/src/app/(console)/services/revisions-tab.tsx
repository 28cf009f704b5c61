'use client';

import type { Service, ServiceSpec } from '@quorate/shared/services';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, Undo2 } from 'lucide-react';
import { ListStates } from '@/components/list-states';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { asSentence } from '@/lib/format';
import { commandLine } from '@/lib/lines';
import { serviceRevisionsQuery } from '@/lib/queries';
import { failureOf } from './service-words';

/** What the service was, newest first, and the way back to it. */
export function RevisionsTab({ service, onUse }: { service: Service; onUse: (spec: ServiceSpec) => void }) {
  const revisions = useQuery(serviceRevisionsQuery(service.name));
  const items = revisions.data?.items ?? [];
  return (
    <Panel flush>
      <ListStates query={revisions} count={items.length} rows={3}>
        <ol className="divide-y">
          {items.map(({ revision, spec, failure, created_by, created_at }) => (
            <li key={revision} className="flex flex-wrap items-start gap-x-4 gap-y-2 px-3.5 py-3">
              <div className="min-w-0 flex-1 basis-64 space-y-1">
                <p className="flex flex-wrap items-center gap-2">
                  <span className="font-medium text-ink">Revision {revision}</span>
                  {revision === service.revision ? (
                    <Badge tone="ok" icon={CircleCheck}>
                      Wanted now
                    </Badge>
                  ) : null}
                  {failure ? (
                    <Badge tone="bad" icon={Undo2}>
                      Rolled back
                    </Badge>
                  ) : null}
                </p>
                <p className="break-all font-mono text-ink-2 text-xs">{commandLine(spec)}</p>
                {failure ? <p className="break-words text-bad text-xs">{asSentence(failureOf(failure))}</p> : null}
                <p className="text-ink-3 text-xs">
                  <Time at={created_at} show="both" /> by {created_by}
                </p>
              </div>
              {revision === service.revision ? null : (
                <WriteButton needs="operator" size="sm" onClick={() => onUse(spec)}>
                  Roll out again…
                </WriteButton>
              )}
            </li>
          ))}
        </ol>
      </ListStates>
    </Panel>
  );
}
