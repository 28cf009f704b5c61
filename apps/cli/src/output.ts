import Table from 'cli-table3';
import pc from 'picocolors';
import { stringify } from 'yaml';

export const FORMATS = ['table', 'json', 'yaml', 'name'] as const;
export type Format = (typeof FORMATS)[number];
export type Colors = ReturnType<typeof pc.createColors>;

/**
 * What a command has to say, once: `data` is the API's answer and goes to json and yaml as it is,
 * `names` to `-o name`, `text` is for people. `empty` is said on stderr when there is nothing to show.
 */
export interface View {
  readonly data: unknown;
  readonly names: readonly string[];
  text(colors: Colors): string;
  readonly empty?: string | undefined;
}

export interface Column<Row> {
  readonly header: string;
  value(row: Row): string | number | null;
  paint?(text: string, row: Row, colors: Colors): string;
}

/** Removes control characters, so that a name or message from the server cannot steer the terminal. */
export const plain = (value: unknown): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');

/** `1 job`, `2 jobs`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const NO_BORDERS = {
  ...Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'].map((k) => [
      k,
      '',
    ]),
  ),
  ...Object.fromEntries(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'].map((k) => [k, ''])),
  middle: '  ',
};

function grid(rows: readonly string[][], head: string[] = []): string {
  const table = new Table({
    head,
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Aligned columns with a dim head; null cells show as `-`. */
export function tableText<Row>(rows: readonly Row[], columns: readonly Column<Row>[], colors: Colors): string {
  const cells = rows.map((row) =>
    columns.map((column) => {
      const value = column.value(row);
      const text = value == null || value === '' ? '-' : plain(value);
      return column.paint ? column.paint(text, row, colors) : text;
    }),
  );
  return grid(
    cells,
    columns.map((column) => colors.dim(column.header)),
  );
}

/** `label  value` lines; absent values (an older server's answer) show as `-`. */
export function fieldsText(fields: readonly (readonly [string, string | number | null])[], colors: Colors): string {
  return grid(fields.map(([label, value]) => [colors.dim(label), value == null || value === '' ? '-' : plain(value)]));
}

export function listView<Row>(list: {
  data: unknown;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  name(row: Row): string | number;
  empty: string;
}): View {
  return {
    data: list.data,
    names: list.rows.map((row) => plain(list.name(row))),
    text: (colors) => tableText(list.rows, list.columns, colors),
    empty: list.rows.length === 0 ? list.empty : undefined,
  };
}

export function recordView(record: {
  data: unknown;
  name: string | number;
  fields: readonly (readonly [string, string | number | null])[];
}): View {
  return {
    data: record.data,
    names: [plain(record.name)],
    text: (colors) => fieldsText(record.fields, colors),
  };
}

/** The text for stdout, ending in a newline unless it is empty. */
export function render(view: View, format: Format, colors: Colors): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(view.data, null, 2)}\n`;
    case 'yaml':
      return stringify(view.data);
    case 'name':
      return view.names.map((name) => `${name}\n`).join('');
    case 'table': {
      const text = view.empty === undefined ? view.text(colors) : '';
      return text && !text.endsWith('\n') ? `${text}\n` : text;
    }
  }
}

export const colorsFor = (enabled: boolean): Colors => pc.createColors(enabled);
