import { Jobs } from './jobs';

export default function JobsPage() {
  return <Jobs />;
}
