import { timingSafeEqual } from 'node:crypto';
import { HEADER } from '@quorate/shared/http-headers';
import { setupRoutes } from '@quorate/shared/setup';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import type { LoginThrottle } from '../../http/login-throttle';
import { uuidv7 } from '../../lib/ids';
import { hashPassword } from '../../lib/password';
import { setUpCluster } from './commands';
import { clusterInfo } from './table';

export interface SetupDeps {
  /** This node's one-time code, shown in its log and on the agent socket. */
  readonly setupCode: string;
  readonly node: () => { id: number; name: string };
  readonly version: string;
  readonly throttle: LoginThrottle;
}

const sameCode = (given: string, expected: string): boolean => {
  const a = Buffer.from(given.trim().toUpperCase());
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
};

export function setupEndpoints(deps: SetupDeps): Endpoint[] {
  const isSetUp = (ctx: RequestContext): boolean =>
    typeof ctx.db.select().from(clusterInfo).get()?.setUpAt === 'number';

  async function checkCode(ctx: RequestContext, given: string | undefined): Promise<void> {
    if (ctx.loopback) return;
    await deps.throttle.consume(ctx.remoteAddress, 'setup');
    if (given !== undefined && sameCode(given, deps.setupCode)) return;
    const detail = "look for 'setup code' in the log of this node, or run: quorate agent setup-code";
    throw new DomainError('setup_code_invalid', detail, [{ pointer: '/setup_code', detail: 'wrong or missing' }]);
  }

  return [
    endpoint(setupRoutes.get, (ctx) => {
      const info = ctx.db.select().from(clusterInfo).get();
      return {
        needed: !isSetUp(ctx),
        cluster_name: isSetUp(ctx) ? (info?.name ?? null) : null,
        setup_code_required: !ctx.loopback,
        version: deps.version,
        node: deps.node(),
      };
    }),
    endpoint(setupRoutes.create, async (ctx, { body }) => {
      // A repeated request gets its first answer, which the command id finds; apply refuses all others.
      if (isSetUp(ctx) && ctx.header(HEADER.idempotencyKey) === undefined) {
        throw new DomainError('already_set_up', 'the first admin exists already; sign in instead');
      }
      await checkCode(ctx, body.setup_code);
      const passwordHash = await hashPassword(body.password);
      const { username, cluster_name: name } = body;
      const { userId } = await ctx.propose(setUpCluster, { name, userId: uuidv7(), username, passwordHash });
      return { user: { id: userId, username } };
    }),
    endpoint(setupRoutes.code, (ctx) => {
      if (isSetUp(ctx)) throw new DomainError('already_set_up', 'the first admin exists already; no code is needed');
      return { setup_code: deps.setupCode };
    }),
  ];
}
