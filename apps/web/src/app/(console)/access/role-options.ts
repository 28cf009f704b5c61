import { ROLES } from '@quorate/shared/route';

const WORDS = {
  viewer: 'Viewer: reads',
  operator: 'Operator: reads and operates',
  admin: 'Admin: everything',
} as const;

export const ROLE_OPTIONS = ROLES.map((role) => ({ value: role, label: WORDS[role] }));
