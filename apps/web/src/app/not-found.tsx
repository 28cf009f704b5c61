import Link from 'next/link';
import { Logo } from '@/components/logo';
import { buttonClass } from '@/components/ui/button';

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-3 p-6 text-center">
      <Logo className="size-9 text-accent" />
      <h1 className="font-semibold text-lg">There is no such page</h1>
      <p className="text-ink-2">The address may be mistyped, or from another version of the console.</p>
      <Link href="/" className={buttonClass('primary')}>
        Go to the overview
      </Link>
    </main>
  );
}
