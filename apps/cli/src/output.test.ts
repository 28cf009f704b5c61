import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { colorsFor, FORMATS, listView, recordView, render } from './output';

const none = colorsFor(false);
const rows = [
  { id: 1, name: 'alpha', lag: null },
  { id: 22, name: 'b\u001b[2Jeta', lag: 3 },
];
const view = listView({
  data: { items: rows, next_cursor: null },
  rows,
  columns: [
    { header: 'ID', value: (r) => r.id },
    { header: 'NAME', value: (r) => r.name, paint: (text, _, colors) => colors.green(text) },
    { header: 'LAG', value: (r) => r.lag },
  ],
  name: (r) => r.name,
  empty: 'Nothing.',
});

describe('output', () => {
  it('aligns a table without colours, without trailing blanks, with - for nothing', () => {
    expect(render(view, 'table', none)).toBe('ID  NAME      LAG\n1   alpha     -\n22  b [2Jeta  3\n');
  });

  it('keeps what the server says from steering the terminal', () => {
    expect(render(view, 'table', colorsFor(true))).not.toContain('\u001b[2J');
    expect(render(view, 'name', none)).toBe('alpha\nb [2Jeta\n');
  });

  it('prints the whole answer as json and yaml', () => {
    expect(JSON.parse(render(view, 'json', none))).toEqual(view.data);
    expect(parse(render(view, 'yaml', none))).toEqual(view.data);
  });

  it('prints nothing on stdout for an empty list of people’s tables, but valid json', () => {
    const empty = listView({ data: { items: [] }, rows: [], columns: [], name: () => '', empty: 'Nothing.' });
    expect(render(empty, 'table', none)).toBe('');
    expect(render(empty, 'name', none)).toBe('');
    expect(JSON.parse(render(empty, 'json', none))).toEqual({ items: [] });
  });

  it('ends every non-empty output with one newline', () => {
    const record = recordView({ data: { a: 1 }, name: 'a', fields: [['a', 1]] });
    for (const format of FORMATS) expect(render(record, format, none)).toMatch(/[^\n]\n$/);
  });
});
