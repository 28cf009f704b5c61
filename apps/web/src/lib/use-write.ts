'use client';

import type { ApiError, CallInput, CallResult } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import type { RouteDefinition } from '@quorate/shared/route';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { write } from './api';
import { toApiError } from './errors';
import type { Resource } from './queries';

interface WriteOptions<R extends RouteDefinition> {
  /** Refetched after success. */
  refresh?: readonly Resource[];
  onSuccess?: (data: CallResult<R>, input: CallInput<R>) => void;
  onError?: (error: ApiError) => void;
}

/** Codes after which the same request may be sent again and must then be recognized as the same. */
const UNDECIDED = new Set(['outcome_unknown', 'unreachable', 'unexpected_answer', 'internal', 'overloaded']);

/**
 * A mutation of one route. A POST carries an Idempotency-Key that stays the same until the server has
 * decided, so pressing the button again after a lost answer never does the thing twice.
 */
export function useWrite<R extends RouteDefinition>(route: R, options: WriteOptions<R> = {}) {
  const client = useQueryClient();
  const attempt = useRef<{ key: string; input: string } | undefined>(undefined);
  const mutation = useMutation<CallResult<R>, Error, CallInput<R>>({
    mutationKey: [route.id],
    mutationFn: (input) => {
      if (route.method !== 'post') return write(route, input);
      const text = JSON.stringify([input.params, input.query, input.body]);
      if (attempt.current?.input !== text) attempt.current = { key: randomKey(), input: text };
      const headers = { ...input.headers, [HEADER.idempotencyKey]: attempt.current.key };
      // Spreading a generic loses its type; only headers were added.
      return write(route, { ...input, headers } as CallInput<R>);
    },
    onSuccess: (data, input) => {
      attempt.current = undefined;
      options.onSuccess?.(data, input);
    },
    onError: (thrown) => {
      const error = toApiError(thrown);
      if (!UNDECIDED.has(error.code)) attempt.current = undefined;
      // The banner and the buttons follow the cluster: look at once.
      if (error.code === 'no_quorum') void client.invalidateQueries({ queryKey: ['cluster'] });
      options.onError?.(error);
    },
    onSettled: () => {
      for (const resource of options.refresh ?? []) void client.invalidateQueries({ queryKey: [resource] });
    },
  });
  return {
    run: (input: CallInput<R>) => mutation.mutate(input),
    pending: mutation.isPending,
    /** The last run succeeded. */
    done: mutation.isSuccess,
    data: mutation.data,
    error: mutation.error ? toApiError(mutation.error) : null,
    reset: mutation.reset,
  };
}

/** 128 random bits in hex; `crypto.randomUUID` is missing on plain HTTP. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
