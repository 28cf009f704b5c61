import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';

// The least that a server of this stack can do: one route, the JSON given as an argument, no checks.

const answer = JSON.parse(process.argv[2] ?? '{}') as object;
const app = new Hono();
app.get('/v1/me', (c) => c.json(answer));
const server = createServer(getRequestListener(app.fetch));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as { port: number }).port}\n`);
});
