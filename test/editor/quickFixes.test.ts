/**
 * Every quick fix of every program in `fixtures/python/fixes`, with line ends of both kinds, applied and undone in a
 * real editor; that what they give heals is the matter of `test/runtime/python/sourceFixes.test.ts`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findHazards } from '../../src/core/python/findings';
import { applied, sourceFixes } from '../../src/core/python/fixes';
import { ended } from '../../src/core/python/syntax';
import { pythonParser } from '../support/pythonParser';
import { runInExtensionHost } from '../support/workbench';
import { TestWorkspace } from './support/workspace';

export interface ExpectedFixes {
  readonly name: string;
  readonly hazards: number;
  /** In the order of the source: the problem it is of, its title in the list, and the text that it leads to. */
  readonly fixes: readonly { readonly at: number; readonly title: string; readonly text: string }[];
}

const programs = path.join(import.meta.dirname, '../fixtures/python/fixes');
const workspace = new TestWorkspace([]);
afterAll(() => {
  workspace.remove();
});

const parser = await pythonParser();
const expected: ExpectedFixes[] = [];
for (const name of readdirSync(programs).filter((one) => one.endsWith('.py') && one !== 'batch.py')) {
  const source = readFileSync(path.join(programs, name), 'utf8');
  const tree = parser.parse(source);
  const hazards = ended(findHazards(tree));
  const fixes = hazards.flatMap((hazard, at) =>
    sourceFixes(tree, hazard).map((fix) => ({
      at,
      title: fix.warning === null ? fix.title : `${fix.title} (${fix.warning})`,
      text: applied(source, fix),
    })),
  );
  for (const [kind, end] of [
    ['lf', '\n'],
    ['crlf', '\r\n'],
  ] as const) {
    const withEnds = (text: string): string => text.replaceAll('\n', end);
    workspace.write(`${kind}/${name}`, withEnds(source));
    expected.push({
      name: `${kind}/${name}`,
      hazards: hazards.length,
      fixes: fixes.map((fix) => ({ ...fix, text: withEnds(fix.text) })),
    });
  }
}
workspace.write('expected.json', JSON.stringify(expected));

const results = await runInExtensionHost({
  workspace: workspace.folder,
  suite: path.join(import.meta.dirname, 'host/quickFixes.suite.ts'),
  ...(process.env.NANOSCOPE_TEST_EXTENSION ? { extension: process.env.NANOSCOPE_TEST_EXTENSION } : {}),
});

it('covers all of them', () => {
  expect(results).toHaveLength(expected.length);
  expect(expected.every(({ fixes }) => fixes.length > 0)).toBe(true);
});

it.each(results)('in a real editor, NaNoscope $name', ({ error }) => {
  expect(error).toBeNull();
});
