import { JoinTokens } from './join-tokens';

export default function JoinTokensPage() {
  return <JoinTokens />;
}
