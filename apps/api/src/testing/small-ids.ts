import fc from 'fast-check';

export const uuid = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
/** Few, so that commands meet. */
export const smallId = fc.integer({ min: 1, max: 12 }).map(uuid);
