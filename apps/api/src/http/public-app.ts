import { Hono } from 'hono';
import type { createApp } from './app';
import { createConsole, SECURITY_HEADERS } from './static-console';

/** Puts the console and the API document around the REST application. */
export function createPublicApp(options: {
  api: ReturnType<typeof createApp>;
  openApi: Record<string, unknown>;
  webDir: string | undefined;
}): Hono {
  const app = new Hono();
  const console = options.webDir === undefined ? undefined : createConsole(options.webDir);
  const openApi = JSON.stringify(options.openApi);
  app.get(
    '/openapi.json',
    () => new Response(openApi, { headers: { ...SECURITY_HEADERS, 'content-type': 'application/json' } }),
  );
  if (console) {
    app.on(['GET', 'HEAD'], '*', async (c, next) => {
      const response = c.req.path.startsWith('/v1/') ? undefined : console(c);
      if (response) return response;
      await next();
      return undefined;
    });
  }
  // Not app.route: that would drop the API's own answers to unknown paths and errors.
  app.all('*', (c) => options.api.fetch(c.req.raw, c.env as never));
  return app;
}
