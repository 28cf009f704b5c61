import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon, Settings } from './daemon';
import { DAEMON } from './paths';
import type { Workspace } from './workspace';

/** A CA of the operator's own, and what it issues for nodes. */
export interface OperatorPki {
  readonly dir: string;
  /** By `quorated pki issue`. */
  issue(node: Daemon, id: number, more?: readonly string[]): Settings;
  /** By openssl, with an RSA key. `change` replaces single terms of what makes a certificate of a node. */
  issueByOpenssl(node: Daemon, id: number, change?: { cn?: string; eku?: string; san?: string }): Settings;
}

/** Their chatter is of interest only when they fail, and then it is in the error. */
const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'pipe'] };

export function createOperatorPki(workspace: Workspace, name = 'pki'): OperatorPki {
  const dir = join(workspace.dir, name);
  const quorated = (...args: string[]) => execFileSync(process.execPath, [DAEMON, 'pki', ...args], quiet);
  quorated('init', dir, '--name', `e2e ${name}`);
  const settings = (id: number): Settings => ({
    'cluster.tls.ca': join(dir, 'ca.crt'),
    'cluster.tls.cert': join(dir, `node-${id}.crt`),
    'cluster.tls.key': join(dir, `node-${id}.key`),
  });
  return {
    dir,
    issue(node, id, more = []) {
      quorated('issue', dir, '--id', String(id), '--host', node.spec.host, '--force', ...more);
      return settings(id);
    },
    issueByOpenssl(node, id, change = {}) {
      const { cn = `acme-node-${id}`, eku = 'serverAuth,clientAuth', san = `IP:${node.spec.host}` } = change;
      const file = (suffix: string): string => join(dir, `node-${id}.${suffix}`);
      mkdirSync(dir, { recursive: true });
      const openssl = (...args: string[]) => execFileSync('openssl', args, quiet);
      openssl(
        'req',
        '-new',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        `/CN=${cn}`,
        '-keyout',
        file('key'),
        '-out',
        file('csr'),
      );
      writeFileSync(file('ext'), `${eku ? `extendedKeyUsage=${eku}\n` : ''}${san ? `subjectAltName=${san}\n` : ''}`);
      const ca = ['-CA', join(dir, 'ca.crt'), '-CAkey', join(dir, 'ca.key'), '-CAcreateserial'];
      openssl('x509', '-req', '-in', file('csr'), ...ca, '-days', '30', '-extfile', file('ext'), '-out', file('crt'));
      return settings(id);
    },
  };
}
