import { ConnectorPage } from './connector';

export default function Page() {
  return <ConnectorPage />;
}
