import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionScript, SHELLS } from './completion';
import { buildProgram } from './program';

const program = buildProgram(
  {
    env: {},
    cwd: '/',
    home: '/',
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: new AbortController().signal,
  },
  () => undefined,
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-completion-'));
  writeFileSync(join(folder, 'quorate.bash'), completionScript(program, 'bash'));
  writeFileSync(join(folder, 'old.cfg'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers for the last word of the line. */
function offers(...words: string[]): string[] {
  const script = `source ./quorate.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _quorate; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', script, 'bash', 'quorate', ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  return output.split('\n').filter(Boolean);
}

describe('bash completion', () => {
  it('offers nouns and verbs', () => {
    expect(offers('st')).toEqual(['status']);
    expect(offers('token', '')).toEqual(['create', 'list', 'revoke']);
    expect(offers('service', '')).toEqual(
      'list show create update revisions spec restart logs autoscale decisions remove'.split(' '),
    );
    expect(offers('service', 'create', '--fi')).toEqual(['--file']);
    expect(offers('service', 'autoscale', 'web', '--qu')).toEqual(['--queue', '--queue-label']);
    expect(offers('ha', 'update', '--fo')).toEqual(['--follow']);
    expect(offers('ha', 'up')).toEqual(['update']);
    expect(offers('job', 'submit', '--fi')).toEqual(['--file']);
    expect(offers('job', 'submit', '--sk')).toEqual(['--skip']);
    expect(offers('connector', '')).toEqual(['show', 'set', 'on', 'off', 'history', 'ca']);
    expect(offers('agent', 'cluster', 're')).toEqual(['remove', 'resume', 'restore-from-db']);
  });

  it('is not misled by options and their values', () => {
    expect(offers('-o', 'json', 'token', 'cr')).toEqual(['create']);
    expect(offers('--context', 'token', 'clu')).toEqual(['cluster']);
    expect(offers('--yes', 'token', 'rev')).toEqual(['revoke']);
  });

  it('offers options, global ones included, and hides those for secrets in argv', () => {
    expect(offers('token', 'create', '--tt')).toEqual(['--ttl']);
    expect(offers('token', 'create', '--out')).toEqual(['--output']);
    expect(offers('login', '--password')).toEqual(['--password-file']);
  });

  it('offers the choices of a value and files', () => {
    expect(offers('status', '-o', '')).toEqual(['table', 'json', 'yaml', 'name']);
    expect(offers('user', 'create', 'x', '--role', 'ad')).toEqual(['admin']);
    expect(offers('haproxy', 'check', 'ol')).toEqual(['old.cfg']);
    expect(offers('--ca', 'ol')).toEqual(['old.cfg']);
    expect(offers('completion', 'f')).toEqual(['fish']);
  });
});

it.each(SHELLS)('%s knows every command', (shell) => {
  const script = completionScript(program, shell);
  for (const noun of program.commands) expect(script).toContain(noun.name());
  expect(script).toContain('transfer-leadership');
});
