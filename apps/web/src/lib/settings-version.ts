'use client';

import { type QueryKey, type UseQueryOptions, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { DefaultValues, FieldValues, UseFormReturn } from 'react-hook-form';

/** Settings with the version that a change of them is based on. */
export interface Versioned<S> {
  readonly settings: S;
  readonly etag: string | null;
}

/** What makes the server refuse a change that is based on an older version than this one. */
export const ifMatch = (etag: string | null): { headers?: Record<string, string> } =>
  etag === null ? {} : { headers: { 'If-Match': etag } };

/**
 * Ties a form to settings that others may save, too: what they saved shows at once, unless this operator is in the middle of
 * editing; then `headers` make the server refuse the change instead of overwriting theirs.
 */
export function useSettingsVersion<S, Values extends FieldValues, Body>(options: {
  form: UseFormReturn<Values, unknown, Body>;
  /** What saves them: its error is over when they are loaded anew. */
  save: { reset: () => void };
  query: UseQueryOptions<Versioned<S>, Error, Versioned<S>, QueryKey>;
  current: Versioned<S>;
  valuesOf: (settings: S) => DefaultValues<Values>;
}): {
  /** To send with the change. */
  headers: () => { headers?: Record<string, string> };
  /** Reads what stands now and shows it; what was typed is gone. */
  loadCurrent: () => void;
} {
  const { form, save, query, current, valuesOf } = options;
  const client = useQueryClient();
  // The version that the operator's edits started from: what If-Match must name.
  const base = useRef(current.etag);
  const { isDirty } = form.formState;
  // biome-ignore lint/correctness/useExhaustiveDependencies: valuesOf is a plain function of the settings.
  useEffect(() => {
    if (isDirty) return;
    base.current = current.etag;
    form.reset(valuesOf(current.settings) as Values);
  }, [current, isDirty, form]);
  const load = async () => {
    const fresh = await client.fetchQuery({ ...query, staleTime: 0 });
    base.current = fresh.etag;
    form.reset(valuesOf(fresh.settings) as Values);
  };
  return {
    headers: () => ifMatch(base.current),
    loadCurrent() {
      save.reset();
      void load();
    },
  };
}
