// The programs that tests, demo and bench run for real. A node itself needs none of them on its own,
// and etcd once it is grown into a cluster.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runLogged, StepFailed, say } from './lib/run.mjs';

const PROGRAMS = {
  etcd: { names: ['etcd'], packages: ['etcd-server'], unit: 'etcd' },
  haproxy: { names: ['haproxy'], packages: ['haproxy'], unit: 'haproxy' },
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    packages: ['chromium', 'fonts-liberation'],
  },
  ip: { names: ['ip'], packages: ['iproute2'] },
};

/** Debian installs daemons into sbin folders, which an ordinary user's PATH lacks. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean);

/** The path of a program ("etcd", "haproxy", "chromium", "ip"), or undefined when it is not installed. */
export function findProgram(program, folders = FOLDERS) {
  for (const name of PROGRAMS[program].names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // look further
      }
    }
  }
  return undefined;
}

/**
 * Installs packages without starting their services: Debian would start etcd and haproxy, and they would occupy
 * ports that the tests use. $1 = units, comma-separated; the rest = packages.
 */
const INSTALL = `
set -eu
export DEBIAN_FRONTEND=noninteractive
units="$1"; shift
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
if command -v systemctl > /dev/null; then
  for unit in $(echo "$units" | tr , ' '); do systemctl disable "$unit" || true; done
fi
`;

function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return sudo.status === 0 ? ['sudo', '-n'] : undefined;
}

/**
 * Makes sure that the named programs exist, installing Debian's packages where that is permitted.
 * @throws StepFailed one error that names everything that is missing and the command that installs it
 */
export async function ensureSystemPrograms(programs) {
  const missing = programs.filter((program) => !findProgram(program));
  if (missing.length === 0) return;
  const packages = missing.flatMap((program) => PROGRAMS[program].packages);
  const cure = `Cure: sudo apt-get install ${packages.join(' ')}   (or your system's packages of ${missing.join(', ')})`;
  const prefix = rootPrefix();
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (!hasApt || !prefix) {
    const why = hasApt ? 'installing them needs root or passwordless sudo' : 'this system has no apt-get';
    throw new StepFailed(`Missing programs: ${missing.join(', ')}; ${why}.`, cure);
  }
  say(`installing system packages: ${packages.join(' ')} …`);
  const units = missing.flatMap((program) => PROGRAMS[program].unit ?? []).join(',');
  const [command, ...args] = [...prefix, 'bash', '-c', INSTALL, 'install', units, ...packages];
  const seconds = await runLogged('system packages', command, args, { cure });
  const still = missing.filter((program) => !findProgram(program));
  if (still.length > 0) throw new StepFailed(`Installed, yet still missing: ${still.join(', ')}.`, cure);
  say(`installed system packages in ${seconds.toFixed(0)} s`);
}
