import { join } from 'node:path';
import type { NextConfig } from 'next';

// Read when the build starts: nothing about the operator's machine leaves it.
process.env['NEXT_TELEMETRY_DISABLED'] = '1';

const config: NextConfig = {
  output: 'export',
  // `/members` is `members.html`: links stay without a trailing slash.
  trailingSlash: false,
  transpilePackages: ['@quorate/shared'],
  poweredByHeader: false,
  agentRules: false,
  experimental: { agentUpgrade: false },
  // Types are checked by `npm run check`; every start need not pay for them again.
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: join(import.meta.dirname, '../..') },
};

export default config;
