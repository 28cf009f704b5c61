import type { Join } from '@quorate/shared/joins';
import { JoinProgress } from '@/components/join-progress';
import { Panel } from '@/components/ui/panel';

/** Joins that are not finished; nothing when there are none. */
export function JoinsPanel({ joins }: { joins: readonly Join[] }) {
  const open = joins.filter((join) => join.state !== 'done');
  if (open.length === 0) return null;
  return (
    <Panel title="Joining now" flush>
      <div className="divide-y">
        {open.map((join) => (
          <div key={join.node_id} className="px-3.5 py-3">
            <JoinProgress join={join} />
          </div>
        ))}
      </div>
    </Panel>
  );
}
