import { type HaproxySettings, haproxyRoutes, PUBLICATION_MODES, type Publication } from '@quorate/shared/haproxy';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import type { Invocation } from '../invocation';
import type { Run } from '../register';

type Publications = HaproxySettings['services'];

/** Changes what is published and nothing else, unless somebody was faster. */
async function change(inv: Invocation, next: (services: Publications) => Publications): Promise<void> {
  const { data, headers } = await inv.callFull(haproxyRoutes.getSettings, {});
  const etag = headers.get('etag');
  await inv.call(haproxyRoutes.putSettings, {
    body: { ...data, services: next(data.services) },
    ...(etag === null ? {} : { headers: { 'if-match': etag } }),
  });
}

interface PublishOptions {
  bind: string;
  mode: Publication['mode'];
  certificate?: string;
  balance: Publication['balance'];
}

export function addPublications(haproxy: Command, run: Run): void {
  haproxy
    .command('publish')
    .description('Let the load balancer send the traffic of an address to the replicas of a service')
    .argument('<service>', 'name of the service; its specification says which of its ports is published')
    .requiredOption('--bind <address>', 'where the load balancer listens for it, such as *:8080')
    .addOption(new Option('--mode <mode>', 'what it carries').choices(PUBLICATION_MODES).default('http'))
    .option('--certificate <file>', "PEM with certificate and key on the load balancer's disk: TLS ends there")
    .addOption(
      new Option('--balance <algorithm>', 'which replica is next')
        .choices(['roundrobin', 'leastconn', 'source', 'random'])
        .default('leastconn'),
    )
    .action(
      run(async (inv, service: string, { bind, mode, certificate, balance }: PublishOptions) => {
        const publication = { service, bind, mode, balance, certificate_path: certificate ?? null };
        await change(inv, (services) => [...services.filter((other) => other.service !== service), publication]);
        inv.note(`The load balancer listens on ${bind} for the service ${service}.`);
      }),
    );
  haproxy
    .command('unpublish')
    .description('Take a service off the load balancer')
    .argument('<service>', 'name of the service')
    .action(
      run(async (inv, service: string) => {
        await change(inv, (services) => {
          const others = services.filter((other) => other.service !== service);
          if (others.length < services.length) return others;
          throw new CliError('notFound', `the service '${service}' is not published`);
        });
        inv.note(`The load balancer does not listen for the service ${service} any more.`);
      }),
    );
}
