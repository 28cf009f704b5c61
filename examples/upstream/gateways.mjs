import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { WebSocketServer } from 'ws';

/**
 * The upstream's side of the protocol (docs/connector.md): one connection for each gateway, the one with the highest
 * generation. A real upstream keeps `generation` and `lastEvent` where they survive a restart, in one transaction with
 * what it makes of the events.
 */

const SUBPROTOCOL = 'quorate.connector.v1';
const FENCED = 4409;
const SILENCE_MS = 3_000;
const REQUEST_MS = 35_000;
const KEPT = 200;
const MAX_GATEWAYS = 100;

export class Gateways extends EventEmitter {
  /** By cluster id. */
  gateways = new Map();
  /** Every connection that was accepted: which generation, from when to when. Times in ms, monotonic. */
  history = [];

  /** Serves the upgrade requests of an HTTP server. `permit(request)` gives an error to refuse one, else nothing. */
  attach(server, permit) {
    const sockets = new WebSocketServer({
      noServer: true,
      maxPayload: 4 * 1024 * 1024,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    server.on('upgrade', (request, socket, head) => {
      const refusal = permit(request);
      if (refusal) return socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      sockets.handleUpgrade(request, socket, head, (accepted) => this.#accept(accepted));
    });
  }

  #accept(socket) {
    let connection;
    let heardMs = performance.now();
    const watch = setInterval(() => {
      if (performance.now() - heardMs > SILENCE_MS) socket.terminate();
      else if (socket.readyState === socket.OPEN) socket.ping();
    }, 1_000);
    const heard = () => {
      heardMs = performance.now();
    };
    socket.on('ping', heard);
    socket.on('pong', heard);
    socket.on('error', () => {});
    socket.on('message', (data) => {
      heard();
      const frame = parse(data);
      if (!connection) connection = this.#hello(socket, frame);
      else if (connection.endedMs === null) this.#take(connection, frame);
      else connection.late += 1;
    });
    socket.on('close', () => {
      clearInterval(watch);
      if (connection) this.#end(connection, 'closed');
    });
  }

  /** The newest generation is in; a connection of an older one goes, and lower ones are refused from then on. */
  #hello(socket, frame) {
    if (frame?.type !== 'hello' || frame.protocol !== 1) {
      socket.close(4400, 'hello expected');
      return undefined;
    }
    const gateway = this.#gatewayOf(frame.cluster);
    if (!gateway || frame.generation < gateway.generation) {
      socket.send(JSON.stringify({ type: 'refused', generation: gateway?.generation ?? 0 }));
      socket.close(FENCED, 'a newer node is connected');
      gateway && this.#note(gateway, `refused generation ${frame.generation} of ${frame.node.name}`);
      return undefined;
    }
    const { generation, node, reason } = frame;
    const superseded = gateway.connection?.endedMs === null;
    if (superseded) {
      this.#end(gateway.connection, 'superseded');
      gateway.connection.socket.terminate();
    }
    gateway.generation = generation;
    gateway.cluster = frame.cluster;
    const startedMs = performance.now();
    const connection = {
      gateway,
      socket,
      generation,
      node,
      reason,
      startedMs,
      endedMs: null,
      ended: '',
      superseded,
      late: 0,
    };
    gateway.connection = connection;
    this.history.push(connection);
    socket.send(JSON.stringify({ type: 'welcome', last_event: gateway.lastEvent }));
    this.#note(gateway, `${node.name} is connected (generation ${generation}, ${reason})`);
    return connection;
  }

  #gatewayOf({ id, name }) {
    const known = this.gateways.get(id);
    if (known) return known;
    if (this.gateways.size >= MAX_GATEWAYS) return undefined;
    const gateway = {
      ...{ cluster: { id, name }, generation: 0, connection: null, nodes: [], notes: [], events: [] },
      // From the first event that the cluster keeps. Null would be: only from now on.
      lastEvent: { seq: 0, id: '' },
      ...{ received: 0, repeated: 0, missed: 0, waiting: new Map() },
    };
    this.gateways.set(id, gateway);
    return gateway;
  }

  #take(connection, frame) {
    const { gateway } = connection;
    switch (frame?.type) {
      case 'nodes':
        gateway.nodes = frame.nodes;
        break;
      case 'resumed':
        if (!frame.complete) this.#note(gateway, 'some events are not kept by the cluster any more');
        break;
      case 'event':
        this.#event(gateway, frame.event);
        break;
      case 'answer': {
        const waiting = gateway.waiting.get(frame.id);
        gateway.waiting.delete(frame.id);
        waiting?.resolve(frame);
        return;
      }
      case 'bye':
        this.#note(gateway, `${connection.node.name} says goodbye (${frame.reason})`);
        return;
      default:
        connection.socket.close(4400, 'not in the protocol');
        return;
    }
    this.emit('change');
  }

  /** In order, each once: what comes again is known by its number and id. */
  #event(gateway, event) {
    if (event.seq <= gateway.lastEvent.seq) {
      gateway.repeated += 1;
      return;
    }
    if (gateway.received > 0 && event.seq !== gateway.lastEvent.seq + 1) gateway.missed += 1;
    gateway.received += 1;
    gateway.lastEvent = { seq: event.seq, id: event.id };
    gateway.events = [event, ...gateway.events].slice(0, KEPT);
    this.emit('event', gateway, event);
  }

  #end(connection, how) {
    if (connection.endedMs !== null) return;
    connection.endedMs = performance.now();
    connection.ended = how;
    for (const waiting of connection.gateway.waiting.values()) waiting.reject(new Error('the connection was lost'));
    connection.gateway.waiting.clear();
    this.#note(connection.gateway, `${connection.node.name} is gone (${how})`);
  }

  #note(gateway, text) {
    gateway.notes = [{ at: new Date().toISOString(), text }, ...gateway.notes].slice(0, KEPT);
    this.emit('change');
  }

  /**
   * Calls the API of the cluster over the connection. With an `idempotency-key` a request whose answer was lost may be
   * sent again, to whichever node is connected by then.
   */
  call(clusterId, { method, path, headers = {}, body }) {
    const gateway = this.gateways.get(clusterId);
    const connection = gateway?.connection;
    if (!connection || connection.endedMs !== null) return Promise.reject(new Error('the gateway is not connected'));
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        gateway.waiting.delete(id);
        reject(new Error('no answer in time'));
      }, REQUEST_MS);
      const settle = (done) => (value) => {
        clearTimeout(late);
        done(value);
      };
      gateway.waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      connection.socket.send(JSON.stringify({ type: 'request', id, method, path, headers, body }));
    });
  }

  /** What the page shows. */
  view() {
    return [...this.gateways.values()].map(({ cluster, generation, connection, nodes, notes, events, ...rest }) => ({
      cluster,
      generation,
      connected: connection?.endedMs === null,
      active: connection?.endedMs === null ? connection.node : null,
      nodes,
      notes,
      events: events.slice(0, 50),
      counts: { received: rest.received, repeated: rest.repeated, missed: rest.missed },
    }));
  }

  close() {
    for (const { connection } of this.gateways.values()) connection?.socket.terminate();
  }
}

function parse(data) {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}
