/** Three nodes of which two make the quorum. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden className={className} fill="none">
      <path d="M12 6.2 6 17.2h12z" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" opacity="0.55" />
      <circle cx="12" cy="6.2" r="3.7" fill="currentColor" />
      <circle cx="6" cy="17.2" r="3.7" fill="currentColor" />
      <circle cx="18" cy="17.2" r="2.9" className="fill-canvas" stroke="currentColor" strokeWidth="1.6" />
    </svg>
  );
}
