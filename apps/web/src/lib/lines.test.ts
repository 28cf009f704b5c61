import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commandLine, lineWithoutValue, listToText, mapToText, textToList, textToMap } from './lines';

const hard = fc.array(fc.constantFrom('', ' a', '"', '"b"', 'c\nd', '\r', 'e f'));

it('reads back every list that it writes', () => {
  const list = fc.oneof(fc.array(fc.string()), hard);
  const check = fc.property(list, (value) => {
    expect(textToList(listToText(value))).toEqual(value);
  });
  fc.assert(check);
});

it('reads back every map that it writes', () => {
  const map = fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,5}$/), fc.string());
  const check = fc.property(map, (value) => {
    expect(textToMap(mapToText(value))).toEqual({ ...value });
  });
  fc.assert(check);
});

it('takes what people type', () => {
  expect(textToList('-c\n\n  echo "hi" there \r\n')).toEqual(['-c', 'echo "hi" there']);
  expect(textToMap('A=1\n B = two words\nC=\nD=x=y')).toEqual({ A: '1', B: 'two words', C: '', D: 'x=y' });
  expect(lineWithoutValue('A=1\nB', 'LOG_LEVEL=info')).toBe('“B” has no value: write LOG_LEVEL=info');
  expect(lineWithoutValue('A=1\nB=', 'LOG_LEVEL=info')).toBeUndefined();
});

it('shows a command as it would be typed', () => {
  expect(commandLine({ command: '/bin/sh', args: ['-c', "echo 'a b'", ''] })).toBe(
    "/bin/sh -c 'echo '\\''a b'\\''' ''",
  );
});
