import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { Table, Td, Th, Tr } from './ui/table';

export interface Column<T> {
  /** Names the column. */
  head: string;
  cell: (row: T) => ReactNode;
  /** The name is for screen readers only: a column of buttons. */
  quiet?: boolean;
  right?: boolean;
  /** Not shown on screens that are narrower. */
  from?: keyof typeof HIDDEN;
  className?: string;
}

const HIDDEN = { sm: 'max-sm:hidden', md: 'max-md:hidden' } as const;

/** From which width on a list is a table; it is cards below. */
const FROM = {
  md: { table: 'hidden md:block', cards: 'md:hidden' },
  lg: { table: 'hidden lg:block', cards: 'lg:hidden' },
  xl: { table: 'hidden xl:block', cards: 'xl:hidden' },
} as const;

interface DataTableProps<T> {
  /** Names the table for screen readers. */
  label: string;
  rows: readonly T[];
  keyOf: (row: T) => string | number;
  columns: readonly Column<T>[];
}

export function DataTable<T>({ label, rows, keyOf, columns }: DataTableProps<T>) {
  return (
    <Table label={label}>
      <thead>
        <tr>
          {columns.map(({ head, quiet, right, from }) => (
            <Th key={head} className={cn(right && 'text-right', from && HIDDEN[from])}>
              {quiet ? <span className="sr-only">{head}</span> : head}
            </Th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Tr key={keyOf(row)}>
            {columns.map(({ head, cell, right, from, className }) => (
              <Td key={head} className={cn(right && 'text-right', from && HIDDEN[from], className)}>
                {cell(row)}
              </Td>
            ))}
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

interface DataListProps<T> extends DataTableProps<T> {
  from: keyof typeof FROM;
  card: (row: T) => ReactNode;
}

/** A table where it fits without scrolling, else a card for each. */
export function DataList<T>({ from, card, ...table }: DataListProps<T>) {
  return (
    <>
      <div className={FROM[from].table}>
        <DataTable {...table} />
      </div>
      <ul className={cn('divide-y', FROM[from].cards)}>
        {table.rows.map((row) => (
          <li key={table.keyOf(row)} className="space-y-2.5 p-3.5">
            {card(row)}
          </li>
        ))}
      </ul>
    </>
  );
}
