import { Runners } from './runners';

export default function RunnersPage() {
  return <Runners />;
}
