'use client';

import { useEffect, useRef, useState } from 'react';

/** `value` as it was when `key` had not changed for `waitMs`. */
export function useDebounced<T>(value: T, key: string, waitMs: number): T {
  const [settled, setSettled] = useState(value);
  const latest = useRef(value);
  latest.current = value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the value, whose identity changes always
  useEffect(() => {
    const timer = setTimeout(() => setSettled(latest.current), waitMs);
    return () => clearTimeout(timer);
  }, [key, waitMs]);
  return settled;
}
