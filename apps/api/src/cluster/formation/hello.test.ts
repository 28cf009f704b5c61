import { describe, expect, it } from 'vitest';
import { collision, contradiction, type Hello } from './hello';

const peers = ['10.0.0.1:7000', '10.0.0.2:7000', '10.0.0.3:7000'];
const hello = (id: number, change: Partial<Hello> = {}): Hello => ({
  node_id: id,
  name: `n${id}`,
  cluster_address: `10.0.0.${id}:7000`,
  peers,
  bootstrap_expect: 3,
  cluster_token: 'quorate',
  version: '0.1.0',
  clock: 1_000_000,
  ...change,
});
const AT = '10.0.0.2:7000';

describe('founding members compare what they were told', () => {
  it('finds nothing against one that says the same, in whatever order', () => {
    expect(contradiction(hello(1), hello(2, { peers: peers.toReversed() }), AT)).toBeUndefined();
    expect(collision([hello(1), hello(2), hello(3)])).toBeUndefined();
  });

  it.each<[string, Partial<Hello>, RegExp]>([
    [
      'another token',
      { cluster_token: 'x' },
      /n2 \(node 2\) at 10\.0\.0\.2:7000 has cluster\.token x, here it is quorate/,
    ],
    [
      'a shorter list',
      { peers: peers.slice(1) },
      /has cluster\.peers \[10\.0\.0\.2:7000, 10\.0\.0\.3:7000\], here it is/,
    ],
    ['another count', { bootstrap_expect: 5 }, /has cluster\.bootstrap_expect 5, here it is 3/],
    ['another address', { cluster_address: '10.0.0.9:7000' }, /set its cluster\.advertise to 10\.0\.0\.2:7000/],
    ['the same id', { node_id: 1 }, /has the node id of this node: give each member a certificate/],
    ['the same name', { name: 'N1' }, /has the name of this node: set node\.name/],
    ['a clock that is off', { clock: 1_007_000 }, /the clock of n2 .* is 7\.0 s off: run an NTP client/],
  ])('names %s, with the cure', (_what, change, said) => {
    expect(contradiction(hello(1), hello(2, change), AT)).toMatch(said);
  });

  it('sees two others that cannot be of one cluster', () => {
    expect(collision([hello(2), hello(3, { node_id: 2 })])).toMatch(
      /10\.0\.0\.2:7000 and 10\.0\.0\.3:7000 both are node 2/,
    );
    expect(collision([hello(2), hello(3, { name: 'n2' })])).toMatch(/both are named n2/);
  });
});
