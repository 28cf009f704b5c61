import { writeInitConfig } from '../config/file';
import { renderInitConfig } from '../config/render';
import { codeOf, HostError, reasonOf } from './host-error';

/** `quorated init-config`. @throws HostError when the file exists or cannot be written */
export function runInitConfig(file: string, force: boolean): void {
  if (file === '-') {
    process.stdout.write(renderInitConfig());
    return;
  }
  try {
    writeInitConfig(file, { force });
  } catch (error) {
    if (!/^E(ACCES|PERM|ROFS)$/.test(codeOf(error))) throw new HostError(reasonOf(error));
    throw new HostError(`${file} cannot be written (${codeOf(error)}); run this as root, or name another file`);
  }
  process.stderr.write(
    `wrote ${file}; every key is optional, "quorated config view --origin" shows what is in force\n`,
  );
}
