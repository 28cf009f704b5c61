import { defineRoute } from './route';

export const supportRoutes = {
  bundle: defineRoute({
    id: 'support.bundle',
    method: 'get',
    path: '/v1/support-bundle',
    access: 'admin',
    tag: 'Watching',
    summary: 'What somebody who helps needs to know of this node, as a .tar.gz without secrets',
    description:
      'Configuration with origins, versions, the cluster as this node sees it, checks, the last events, audit records and failovers, metrics, the end of the log, and what its etcd says. Keys, tokens, passwords and the paths of webhook URLs are left out; names and addresses are not.',
    contentType: 'application/gzip',
  }),
};
