import { haRoutes } from '@quorate/shared/ha';
import { desc, lt } from 'drizzle-orm';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext } from '../../http/endpoint';
import { numberCursor, pageOf } from '../../http/page';
import { assert } from '../../lib/assert';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { type HaCommands, haEtag, lastUpdate } from './commands';
import type { HaNodes } from './nodes';
import { haState } from './settings';
import { haFailovers } from './table';
import { viewFailover, viewHa, viewUpdate } from './view';

export function haEndpoints(deps: { clock: Clock; commands: HaCommands; nodes: HaNodes }): Endpoint[] {
  const { clock, commands, nodes } = deps;
  function view(ctx: RequestContext) {
    ctx.setHeader('etag', haEtag(haState(ctx.db)));
    return viewHa(ctx.db, nodes, clock());
  }
  function update(ctx: RequestContext) {
    const row = lastUpdate(ctx.db);
    assert(row, 'there is an update');
    return viewUpdate(ctx.db, row);
  }
  return [
    endpoint(haRoutes.get, view),
    endpoint(haRoutes.put, async (ctx, { body }) => {
      await ctx.propose(commands.setHa, { ...body, ifMatch: ifMatchOf(ctx) });
      return view(ctx);
    }),
    endpoint(haRoutes.failovers, (ctx, { query: { cursor, limit } }) => {
      const rows = ctx.db
        .select()
        .from(haFailovers)
        .where(cursor === undefined ? undefined : lt(haFailovers.id, numberCursor(cursor)))
        .orderBy(desc(haFailovers.id))
        .limit(limit + 1)
        .all();
      return pageOf(ctx, haRoutes.failovers.path, rows, limit, ({ id }) => id, viewFailover);
    }),
    endpoint(haRoutes.update, async (ctx, { body }) => {
      await ctx.propose(commands.startUpdate, { id: uuidv7(), fromStart: body.from_start });
      return update(ctx);
    }),
    endpoint(haRoutes.cancelUpdate, async (ctx) => {
      await ctx.propose(commands.cancelUpdate, {});
      return update(ctx);
    }),
  ];
}
