import { version } from '../../package.json';

/** This program's version, from package.json. */
export const VERSION: string = version;
