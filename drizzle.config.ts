import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: ['./apps/api/src/**/table.ts', './apps/api/src/**/*-table.ts'],
  // The check that migrations match the tables generates into a copy.
  out: process.env['QUORATE_DRIZZLE_OUT'] ?? './drizzle',
});
