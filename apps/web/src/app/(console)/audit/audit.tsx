'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import { ScrollText } from 'lucide-react';
import { debounce, parseAsString, useQueryStates } from 'nuqs';
import { ListStates } from '@/components/list-states';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/field';
import { Panel } from '@/components/ui/panel';
import { useListPollMs } from '@/lib/live';
import { auditQuery } from '@/lib/queries';
import { useDebounced } from '@/lib/use-debounced';
import { AuditTable } from './audit-table';

const TYPING_MS = 300;
const FILTERS = { actor: parseAsString.withDefault(''), action: parseAsString.withDefault('') };

export function Audit() {
  const [{ actor, action }, setFilters] = useQueryStates(FILTERS, { limitUrlUpdates: debounce(TYPING_MS) });
  const filter = useDebounced(
    { actor: actor.trim() || undefined, action: action.trim() || undefined },
    `${actor} ${action}`,
    TYPING_MS,
  );
  const audit = useInfiniteQuery({ ...auditQuery(filter), refetchInterval: useListPollMs() });
  const items = audit.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = actor !== '' || action !== '';
  const clear = () => void setFilters({ actor: null, action: null });
  return (
    <Page
      title="Audit"
      description="Who changed what, and what was refused. Part of the replicated state: the same on every node."
    >
      <div className="space-y-4">
        <search className="flex flex-wrap items-center gap-2">
          <Input
            type="search"
            aria-label="Actor"
            placeholder="Actor, such as admin"
            className="w-full sm:w-48"
            value={actor}
            onChange={(event) => void setFilters({ actor: event.target.value || null })}
          />
          <Input
            type="search"
            aria-label="Action"
            placeholder="Action, such as users.create"
            className="w-full sm:w-60"
            value={action}
            onChange={(event) => void setFilters({ action: event.target.value || null })}
          />
          {filtered ? (
            <Button variant="ghost" onClick={clear}>
              Clear
            </Button>
          ) : null}
        </search>
        <Panel flush>
          <ListStates
            query={audit}
            count={items.length}
            rows={8}
            empty={
              <EmptyState
                icon={ScrollText}
                title={filtered ? 'No record passes the filter' : 'No changes yet'}
                cli={`quorate audit${actor ? ` --actor ${actor}` : ''}${action ? ` --action ${action}` : ''}`}
                action={filtered ? <Button onClick={clear}>Show all records</Button> : undefined}
              />
            }
          >
            <AuditTable records={items} />
          </ListStates>
        </Panel>
      </div>
    </Page>
  );
}
