// npm run docs: writes the documentation that is generated from code.
import { writeFileSync } from 'node:fs';
import { renderConfigDocs } from '../apps/api/src/config/render';
import { commandReference } from '../apps/cli/src/reference';

writeFileSync(new URL('../docs/configuration.md', import.meta.url), renderConfigDocs());
writeFileSync(new URL('../docs/commands.md', import.meta.url), commandReference());
