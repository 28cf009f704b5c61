import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startUpstream } from './server.mjs';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '9443' },
    'page-port': { type: 'string', default: '9080' },
    cert: { type: 'string' },
    key: { type: 'string' },
    ca: { type: 'string' },
  },
});
const { cert, key, ca } = values;
const given = [cert, key, ca].filter((path) => path !== undefined).length;
if (given !== 0 && given !== 3) throw new Error('give --cert, --key and --ca, or none of them');
if (given === 0 && !['127.0.0.1', 'localhost', '::1'].includes(values.host)) {
  throw new Error('without TLS this listens on loopback only; give --cert, --key and --ca');
}
const read = (path) => readFileSync(path, 'utf8');
const upstream = await startUpstream({
  gateway: { host: values.host, port: Number(values.port) },
  page: { host: '127.0.0.1', port: Number(values['page-port']) },
  ...(given === 3 ? { tls: { cert: read(cert), key: read(key), ca: read(ca) } } : {}),
});
console.log(`gateways connect to ${upstream.url}`);
console.log(`the page is at ${upstream.pageUrl}`);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void upstream.close().then(() => process.exit(0)));
