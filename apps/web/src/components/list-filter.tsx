'use client';

import { SearchX } from 'lucide-react';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { EmptyState } from './states';
import { Button } from './ui/button';
import { Input } from './ui/field';
import { type Option, Select } from './ui/select';

export interface Filter<Show extends string> {
  /** What was typed. */
  q: string;
  show: Show;
  set: (values: { q?: string | null; show?: Show | null }) => void;
  clear: () => void;
}

/** A text and a choice in the address, so that a link shows the same. The first choice is that of no filter. */
export function useListFilter<const Show extends string>(shows: readonly [Show, ...Show[]]): Filter<Show> {
  const [{ q, show }, set] = useQueryStates({
    q: parseAsString.withDefault(''),
    show: parseAsStringLiteral(shows).withDefault(shows[0]),
  });
  return { q, show: show as Show, set: (values) => void set(values), clear: () => void set({ q: null, show: null }) };
}

interface ListFilterProps<Show extends string> {
  filter: Filter<Show>;
  options: readonly (Option & { value: Show })[];
  /** For screen readers: what is found by what. */
  label: string;
  placeholder: string;
}

export function ListFilter<Show extends string>({ filter, options, label, placeholder }: ListFilterProps<Show>) {
  const { q, show, set } = filter;
  return (
    <search className="flex flex-wrap gap-2">
      <Input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        className="w-full sm:w-64"
        value={q}
        onChange={(event) => set({ q: event.target.value || null })}
      />
      <Select
        aria-label="Show"
        className="w-full sm:w-48"
        options={options}
        value={show}
        onChange={(event) => set({ show: options.find(({ value }) => value === event.target.value)?.value ?? null })}
      />
    </search>
  );
}

/** What stands in the place of a list that the filter leaves empty. */
export function NoMatch({ what, cli, onClear }: { what: string; cli: string; onClear: () => void }) {
  return (
    <EmptyState
      icon={SearchX}
      title={`No ${what} matches`}
      cli={cli}
      action={<Button onClick={onClear}>Show all {what}s</Button>}
    />
  );
}
