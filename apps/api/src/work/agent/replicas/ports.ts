import { createServer } from 'node:net';

/** Below the range that Linux takes outgoing connections from, so that none of them is in the way. */
const FIRST = 20_000;
const COUNT = 12_000;
const TRIES = 200;

/** The ports that replicas of this runner were given, so that no two of them get the same before one is bound. */
export interface Ports {
  /**
   * A port for each name: the one of `before` where it is still free, else another. They stay taken until they are given back.
   * @throws Error when hardly any is free
   */
  take(names: readonly string[], before: Readonly<Record<string, number>>): Promise<Record<string, number>>;
  /** Those of a replica that runs already. */
  keep(ports: Readonly<Record<string, number>>): void;
  giveBack(ports: Readonly<Record<string, number>>): void;
}

export function createPorts(chance: () => number = Math.random): Ports {
  const taken = new Set<number>();

  async function takeOne(preferred: number | undefined): Promise<number> {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const port = tried === 0 && preferred !== undefined ? preferred : FIRST + Math.floor(chance() * COUNT);
      if (taken.has(port)) continue;
      taken.add(port);
      if (await isFree(port)) return port;
      taken.delete(port);
    }
    throw new Error(`no free port was found from ${FIRST} to ${FIRST + COUNT - 1}`);
  }

  return {
    async take(names, before) {
      const ports: Record<string, number> = {};
      try {
        for (const name of names) ports[name] = await takeOne(before[name]);
      } catch (error) {
        for (const port of Object.values(ports)) taken.delete(port);
        throw error;
      }
      return ports;
    },
    keep(ports) {
      for (const port of Object.values(ports)) taken.add(port);
    },
    giveBack(ports) {
      for (const port of Object.values(ports)) taken.delete(port);
    },
  };
}

/** Nobody listens at it, at any address of this host. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
