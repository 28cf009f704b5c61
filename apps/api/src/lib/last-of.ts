/** `fn`, which is pure, asked anew only when an argument is another one than the last time. */
export function lastOf<Args extends readonly unknown[], T>(fn: (...args: Args) => T): (...args: Args) => T {
  let last: { readonly args: Args; readonly value: T } | undefined;
  return (...args) => {
    const known = last;
    if (known?.args.length === args.length && args.every((arg, index) => Object.is(arg, known.args[index])))
      return known.value;
    const value = fn(...args);
    last = { args, value };
    return value;
  };
}
