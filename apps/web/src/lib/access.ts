'use client';

import { ROLES, type Role } from '@quorate/shared/route';
import { useQuery } from '@tanstack/react-query';
import { clusterQuery, meQuery } from './queries';

/** Whether `role` may do what needs `needed`. */
export const roleAllows = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** Why a write is not possible now, in words for the operator, or null when it is. */
export function useWriteBlock(needed: Role): string | null {
  const me = useQuery(meQuery);
  const cluster = useQuery(clusterQuery);
  if (me.data && !roleAllows(me.data.role, needed)) return `Your role is ${me.data.role}; this needs ${needed}.`;
  if (cluster.data && !cluster.data.quorum.held) return 'Read-only: the cluster has no quorum.';
  return null;
}
