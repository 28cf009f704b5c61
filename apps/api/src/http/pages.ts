import type { Context } from 'hono';
import { createConsole, SECURITY_HEADERS } from './static-console';

/** The console and the API document: what a node answers to reads that no endpoint takes. */
export function createPages(options: {
  openApi: Record<string, unknown>;
  webDir: string | undefined;
}): (c: Context) => Response | undefined {
  const console = options.webDir === undefined ? undefined : createConsole(options.webDir);
  const openApi = JSON.stringify(options.openApi);
  return (c) => {
    const { path } = c.req;
    if (path.startsWith('/v1/')) return undefined;
    if (path !== '/openapi.json') return console?.(c);
    return new Response(openApi, { headers: { ...SECURITY_HEADERS, 'content-type': 'application/json' } });
  };
}
