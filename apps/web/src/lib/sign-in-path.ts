const PUBLIC_PATHS = new Set(['/sign-in', '/setup']);

/** A path of this console to return to; anything else (another origin, a scheme) becomes the overview. */
export function safeReturnPath(path: string | null): string {
  if (!path || !/^\/(?![/\\])/.test(path)) return '/';
  const [pathname = '/'] = path.split(/[?#]/);
  return PUBLIC_PATHS.has(pathname) ? '/' : path;
}

/** `/sign-in` that comes back to `path` afterwards. */
export function signInPath(path: string): string {
  const next = safeReturnPath(path);
  return next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`;
}

/** Leaves for the sign-in page, dropping everything cached; does nothing on pages that need no session. */
export function goToSignIn(from = window.location.pathname + window.location.search): void {
  if (PUBLIC_PATHS.has(window.location.pathname)) return;
  window.location.replace(signInPath(from));
}
