import { defineConfig } from 'vitest/config';

const NEVER = ['**/node_modules/**', '**/dist/**', '**/out/**', '**/.next/**'];

export default defineConfig({
  test: {
    // Both projects start real programs; a hung one must fail its test, not the run.
    teardownTimeout: 20_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,packages}/*/src/**/*.test.{ts,tsx}', '{bench,scripts}/**/*.test.ts'],
          exclude: [...NEVER, 'apps/e2e/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Most of their time is waiting: for programs that they start, for disks, for bounds.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real daemons, etcd, HAProxy and Chromium, on loopback addresses of each file's own.
        test: {
          name: 'e2e',
          include: ['apps/e2e/**/*.test.ts'],
          exclude: NEVER,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each file has a cluster of its own, and browsers: more at once do not get done sooner on two cores.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
