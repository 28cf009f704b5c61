import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: ['./apps/api/src/**/table.ts', './apps/api/src/**/*-table.ts'],
  out: './drizzle',
});
