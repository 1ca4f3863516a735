/** What a report tells people to paste must mean what was meant: asked of a real shell. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shellQuote } from '../../src/app/render/command';
import { hostileName, unsafe } from '../support/unsafeText';

const bash = '/bin/bash';

describe.runIf(existsSync(bash))('a quoted argument', () => {
  it.each([
    'model.onnx',
    'my model.onnx',
    "it's.onnx",
    '',
    '$(touch owned) `id` "$HOME" ; & | > < * ? ~ ! #',
    'builtin:kimi-k2-mini?layers=61&attention=eager-where',
    'a\\nb\n\tc\u001b[2J',
    '\u202e\u{e0041}注意',
    hostileName,
  ])('%j arrives as it was', (argument) => {
    const quoted = shellQuote(argument);
    expect(quoted).not.toMatch(unsafe);
    const out = execFileSync(bash, ['--norc', '-c', `printf '%s' ${quoted}`], {
      env: { LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(out.toString()).toBe(argument);
  });
});
