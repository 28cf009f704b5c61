import { config } from 'zod';

// Runs before any page: zod must not probe `new Function`, which the content security policy forbids and reports.
config({ jitless: true });
