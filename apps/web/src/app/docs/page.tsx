import type { Metadata } from 'next';
import { Docs } from './docs';

export const metadata: Metadata = { title: 'API · Quorate' };

export default function DocsPage() {
  return <Docs />;
}
