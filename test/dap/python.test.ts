/** The helper's own tests, in the Python that the debugged programs of these suites run in. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const folder = path.join(import.meta.dirname, 'python');
const files = readdirSync(folder).filter((name) => /^test_.*\.py$/.test(name));

describe('the helper in Python', () => {
  it.each(files)('%s', async (file) => {
    const { stderr } = await promisify(execFile)(
      '/usr/bin/python3',
      ['-B', '-m', 'unittest', 'discover', '-s', folder, '-p', file],
      { encoding: 'utf8' },
    );
    // Nothing skipped: everything that these tests need is installed.
    expect(stderr).toMatch(/\nRan [1-9]\d* tests? in [\d.]+s\n\nOK\n$/);
  });
});
