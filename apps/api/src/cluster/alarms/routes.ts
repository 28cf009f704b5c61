import { alarmRoutes, type ClearableAlarm, isClearable } from '@quorate/shared/alarms';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint } from '../../http/endpoint';
import type { AlarmClearer } from './clear';
import type { Alarms } from './registry';

export function alarmEndpoints(deps: { alarms: Alarms; clearer: AlarmClearer }): Endpoint[] {
  const { alarms, clearer } = deps;

  /** @throws DomainError not_found no such alarm is in force; conflict it ends by itself */
  function requireClearable(code: string): ClearableAlarm {
    const found = alarms.inForce().find((alarm) => alarm.code === code);
    if (!found)
      throw new DomainError(
        'not_found',
        `no alarm ${code} is in force; GET /v1/alarms, or quorate alarm list, shows those that are`,
      );
    if (!isClearable(code)) throw new DomainError('conflict', `${code} ends when its cause is gone: ${found.cure}`);
    return code;
  }

  return [
    endpoint(alarmRoutes.list, () => ({ items: alarms.inForce(), next_cursor: null })),
    endpoint(alarmRoutes.clearing, async (_ctx, { params }) => {
      const running = await clearer.look(params.code);
      const code = running?.code ?? requireClearable(params.code);
      return { plan: await clearer.plan(code), operation: running ?? null };
    }),
    endpoint(alarmRoutes.clear, async (ctx, { params }) => {
      const id = ctx.operationId();
      // Repeated, it may have ended the alarm already. Nothing of it is in the log, which may take no writes.
      const before = id === undefined ? undefined : await clearer.look(params.code);
      if (before && before.id === id) return before;
      return clearer.start(requireClearable(params.code), ctx.actor.name, id);
    }),
  ];
}
