import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { PROBLEM_CONTENT_TYPE } from '@quorate/shared/problem';
import type { Pki } from './tls';

export interface Stub {
  url: string;
  requests: IncomingMessage[];
  close(): Promise<void>;
}

/** A loopback server that remembers its requests; with `pki` over TLS, sending the authority in its chain. */
export function listen(handler: RequestListener, pki?: Pki): Promise<Stub> {
  const requests: IncomingMessage[] = [];
  const remember: RequestListener = (request, response) => {
    requests.push(request);
    request.resume();
    handler(request, response);
  };
  const server: Server = pki
    ? createTlsServer({ cert: `${pki.cert}\n${pki.ca}`, key: pki.key }, remember)
    : createServer(remember);
  return new Promise((ready) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      ready({
        url: `${pki ? 'https' : 'http'}://127.0.0.1:${port}`,
        requests,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

export const answer =
  (body: unknown, status = 200): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : PROBLEM_CONTENT_TYPE });
    response.end(JSON.stringify(body));
  };

/** A problem document, as the API sends it. */
export const problem = (status: number, code: string, more: object = {}): RequestListener =>
  answer(
    { type: 'about:blank', title: code, status, detail: `because ${code}`, code, request_id: 'r-1', ...more },
    status,
  );
