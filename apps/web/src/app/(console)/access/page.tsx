import { AccessPage } from './access-page';

export default function UsersAndTokensPage() {
  return <AccessPage />;
}
