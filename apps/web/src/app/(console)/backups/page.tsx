import { Backups } from './backups';

export default function BackupsPage() {
  return <Backups />;
}
