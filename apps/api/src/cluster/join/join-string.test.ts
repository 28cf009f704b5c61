import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatJoinString, JoinStringError, parseFingerprint, parseJoinAddress, parseJoinString } from './join-string';

const TOKEN = `qj_${'Ab0-_'.repeat(8)}xyz`;
const HEX = '0123456789abcdef'.repeat(4);

const port = fc.integer({ min: 1, max: 65535 });
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.domain(),
);
const token = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => `qj_${Buffer.from(bytes).toString('base64url')}`);
const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));

const errorOf = (text: string): JoinStringError => {
  try {
    parseJoinString(text);
  } catch (error) {
    if (error instanceof JoinStringError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
};

describe('join strings', () => {
  it('are read back as written, with or without the prefixes', () => {
    fc.assert(
      fc.property(host, port, token, hex, (aHost, aPort, aToken, aHex) => {
        const target = { address: `${aHost}:${aPort}`, token: aToken, caFingerprint: `sha256:${aHex}` };
        const text = formatJoinString(target);
        expect(parseJoinString(text)).toEqual(target);
        const long = ` https://${aHost}:${aPort}/${aToken}/SHA256:${aHex.toUpperCase()}\n`;
        expect(parseJoinString(long)).toEqual(target);
      }),
    );
  });

  it('are refused in every other shape with a JoinStringError that does not repeat the token', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(errorOf(text)).toBeInstanceOf(JoinStringError);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: TOKEN.length - 1 }), (length) => {
        const error = errorOf(`10.0.0.1:7000/${TOKEN.slice(0, length)}/${HEX}`);
        expect(error.part).toBe('token');
        expect(error.message).not.toContain(TOKEN.slice(0, Math.max(length, 8)));
      }),
    );
  });

  it.each([
    ['', 'shape', /has one part/],
    [`10.0.0.1:7000/${TOKEN}`, 'shape', /has 2 parts/],
    [`10.0.0.1:7000/${TOKEN}/${HEX}/x`, 'shape', /has 4 parts/],
    [`10.0.0.1/${TOKEN}/${HEX}`, 'address', /"10\.0\.0\.1" is not host:port/],
    [`10.0.0.1:70000/${TOKEN}/${HEX}`, 'address', /not host:port/],
    [`fd00::1:7000/${TOKEN}/${HEX}`, 'address', /\[fd00::1\]:7000/],
    [`10.0.0.1:7000/xx_abc/${HEX}`, 'token', /does not begin with qj_/],
    [`10.0.0.1:7000/${TOKEN}A/${HEX}`, 'token', /has 44 characters/],
    [`10.0.0.1:7000/${TOKEN}/${HEX.slice(1)}`, 'fingerprint', /has 63 digits; 64/],
    [`10.0.0.1:7000/${TOKEN}/${HEX.slice(1)}g`, 'fingerprint', /no hex digits/],
    [`10.0.0.1:7000/${TOKEN}/sha1:${HEX}`, 'fingerprint', /no hex digits/],
  ])('%s is wrong in its %s', (text, part, message) => {
    const error = errorOf(text);
    expect(error.part).toBe(part);
    expect(error.message).toMatch(message);
  });

  it('are also read in parts, as given by flags', () => {
    expect(parseJoinAddress('https://n1.example.org:7000/')).toBe('n1.example.org:7000');
    expect(parseFingerprint(HEX)).toBe(`sha256:${HEX}`);
    expect(parseFingerprint(`sha256:${HEX}`)).toBe(`sha256:${HEX}`);
  });
});
