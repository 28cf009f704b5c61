import { LoadBalancer } from './load-balancer';

export default function LoadBalancerPage() {
  return <LoadBalancer />;
}
