import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { errorOf } from '@quorate/shared/client';
import { supportRoutes } from '@quorate/shared/support';
import { saveStream } from '../files';
import type { Register } from '../register';

const FALLBACK_NAME = 'quorate-support.tar.gz';

/** The server's name for the file, without anything that would lead to another folder. */
function nameOf(response: Response): string {
  const given = /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  return given?.endsWith('.tar.gz') ? given : FALLBACK_NAME;
}

export const registerSupport: Register = (program, run) => {
  program
    .command('support-bundle')
    .description('Save what somebody who helps needs to know of a node; secrets are left out')
    .option('--out <file>', 'where to; "-" is standard output (default: the name that the node gives)')
    .action(
      run(async (inv, options: { out?: string }) => {
        const response = await inv.open(supportRoutes.bundle.path, { accept: supportRoutes.bundle.contentType ?? '' });
        if (!response.ok || !response.body) throw await errorOf(response);
        const body = Readable.fromWeb(response.body as unknown as ReadableStream);
        if (options.out === '-') {
          await pipeline(body, inv.io.stdout, { end: false });
          return;
        }
        const path = options.out ?? nameOf(response);
        await saveStream(path, body);
        inv.print({ data: { file: path }, names: [path], text: () => path });
        inv.note('Look into it before you pass it on: it has names and addresses, but no keys, tokens or passwords.');
      }),
    );
};
