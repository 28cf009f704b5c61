import { HaModePage } from './ha-mode';

export default function HaPage() {
  return <HaModePage />;
}
