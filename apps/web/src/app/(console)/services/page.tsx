import { Services } from './services';

export default function ServicesPage() {
  return <Services />;
}
