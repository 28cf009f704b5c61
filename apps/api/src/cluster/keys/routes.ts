import { keyRoutes } from '@quorate/shared/keys';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import { expectPresent } from '../../lib/assert';
import type { KeyRotator, Propose } from './rotate';
import type { KeysView } from './view';

export interface KeyEndpointDeps {
  readonly view: KeysView;
  readonly rotator: KeyRotator;
}

const proposerOf =
  (ctx: RequestContext): Propose =>
  (command, input) =>
    ctx.propose(command, input);

export function keyEndpoints({ view, rotator }: KeyEndpointDeps): Endpoint[] {
  return [
    endpoint(keyRoutes.get, () => view.keys()),
    endpoint(keyRoutes.rotateSessionKey, async (ctx, { body }) => {
      await rotator.sessionKey(proposerOf(ctx), { endSessions: body.end_sessions });
      return view.keys();
    }),
    endpoint(keyRoutes.rotateClusterKey, async (ctx) => {
      await rotator.clusterKey(proposerOf(ctx));
      return view.keys();
    }),
    endpoint(keyRoutes.rotateCa, (ctx, { body }) =>
      ctx.once(async () => {
        await rotator.ca(proposerOf(ctx), { hold: body.hold });
        return expectPresent(view.caRotation() ?? undefined, 'the change of the CA');
      }),
    ),
    endpoint(keyRoutes.continueCaRotation, (ctx) =>
      ctx.once(async () => {
        await rotator.continueCa(proposerOf(ctx));
        return expectPresent(view.caRotation() ?? undefined, 'the change of the CA');
      }),
    ),
    endpoint(keyRoutes.caRotation, () => ({ operation: view.caRotation() })),
  ];
}
