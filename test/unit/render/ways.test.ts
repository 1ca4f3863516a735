/** Advice for a terminal, as the panel gives it. The sources themselves are asked, so that no new flag slips through. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { forPanel } from '../../../src/app/render/ways';

const root = path.resolve(import.meta.dirname, '../../../src');
/** What only a terminal prints, builds a command line or is a script to run. */
const terminalOnly = /^app\/(render\/|shrink\/|snippet\.ts|parallel\/saveShards\.ts)/;

it.each([
  [
    'Padding of ids holds the id 0, as nothing says which one the model pads with; --pad-id N writes another.',
    'Padding of ids holds the id 0, as nothing says which one the model pads with; “Pad id” in the batch bar writes another.',
  ],
  [
    'the model compares ids with 7: --pad-id 7 writes that.',
    'the model compares ids with 7: “Pad id” 7 in the batch bar writes that.',
  ],
  ['were written out in plain operators (--expand-attention).', 'were written out in plain operators.'],
  ['was run cast to float32 (--cast float32): weights', 'was run cast to float32: weights'],
  [
    'Say it with --mask m[:inverted], or give an inputs file.',
    'Say it under “Mask” in the batch bar, or give an inputs file.',
  ],
  ['Nothing about flags -- at all.', 'Nothing about flags -- at all.'],
])('%s', (advice, words) => {
  expect(forPanel(advice)).toBe(words);
});

it('leaves no flag in any sentence that core, app or runtime can say', () => {
  const left: string[] = [];
  for (const part of ['core', 'app', 'runtime']) {
    for (const file of readdirSync(path.join(root, part), { recursive: true }).map(String)) {
      const name = `${part}/${file.replaceAll('\\', '/')}`;
      if (!name.endsWith('.ts') || terminalOnly.test(name)) {
        continue;
      }
      const code = readFileSync(path.join(root, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
      for (const [text] of code.matchAll(
        /'[^'\n]*\s\(?--[a-z][^'\n]*'|'--[a-z][a-z-]+ [^'\n]*'|`[^`]*\s\(?--[a-z][^`]*`/g,
      )) {
        // As it reads once the values are in it.
        const said = text.slice(1, -1).replace(/\$\{[^}]*\}/g, '7');
        if (/(^|\s)\(?--[a-z]/.test(forPanel(said))) {
          left.push(`${name}: ${said}`);
        }
      }
    }
  }
  expect(left).toEqual([]);
});
