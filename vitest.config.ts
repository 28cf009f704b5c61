import { defineConfig } from 'vitest/config';

const NEVER = ['**/node_modules/**', '**/dist/**', '**/out/**', '**/.next/**'];

export default defineConfig({
  test: {
    // Both projects start real programs; a hung one must fail its test, not the run.
    teardownTimeout: 20_000,
    // Most of a test's time is waiting for those: two files at once, on a machine of two cores, too.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,packages}/*/src/**/*.test.{ts,tsx}', '{bench,scripts}/**/*.test.ts'],
          exclude: [...NEVER, 'apps/e2e/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
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
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
