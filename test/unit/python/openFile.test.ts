/** A file that is edited: what is found when, and that nobody waits for it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { OpenFile } from '../../../src/app/source/openFile';
import { findHazards } from '../../../src/core/python/findings';
import { ended } from '../../../src/core/python/syntax';
import { pythonParser } from '../../support/pythonParser';

const sick = 'import torch\ny = torch.exp(x) / torch.exp(x).sum()\n';

// Read once in a process; nobody below waits for it.
beforeAll(async () => {
  (await pythonParser()).dispose();
});

function opened(off: () => ReadonlySet<string> = () => new Set()) {
  const told: string[] = [];
  let timer: (() => void) | null = null;
  let during: (() => void) | null = null;
  const file = new OpenFile({
    python: () => pythonParser(),
    off,
    pause: () => {
      during?.();
      return Promise.resolve();
    },
    later: (_ms, call) => {
      timer = call;
      return () => (timer = null);
    },
    found: (hazards, version) => told.push(`${String(version)}: ${hazards.map(({ rule }) => rule).join(' ')}`),
    failed: (error) => told.push(String(error)),
  });
  const settle = async (): Promise<void> => {
    const call = timer;
    timer = null;
    call?.();
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { file, told, settle, meanwhile: (act: (() => void) | null) => (during = act) };
}

describe('a file that is open', () => {
  it('is looked at when the keys rest, in its last state only', async () => {
    const { file, told, settle } = opened();
    file.changed('import tor', 1);
    file.changed(sick, 2);
    await settle();
    expect(told).toEqual(['2: softmax-no-max']);
    expect(file.found?.version).toBe(2);
  });

  it('gives up what a newer text overtakes', async () => {
    const { file, told, settle, meanwhile } = opened();
    file.changed(sick, 1);
    meanwhile(() => {
      meanwhile(null);
      file.changed('x = 1\n', 2);
    });
    await settle();
    await settle();
    expect(told).toEqual(['2: ']);
    expect(file.found).toBeNull();
  });

  it('is settled when its last text was looked at, at once where it was, and when it is closed', async () => {
    const { file, settle } = opened();
    await file.settled();
    file.changed(sick, 1);
    const versions: (number | undefined)[] = [];
    const settled = file.settled().then(() => versions.push(file.found?.version));
    file.changed(sick, 2);
    expect(versions).toEqual([]);
    await settle();
    await settled;
    expect(versions).toEqual([2]);
    await file.settled();
    file.changed(sick, 3);
    const closed = file.settled();
    file.close();
    await closed;
    expect(file.found?.version).toBe(2);
  });

  it('is looked at again when a look failed that was overtaken', async () => {
    const { file, told, settle, meanwhile } = opened(() => {
      if (told.length > 0 || file.found) return new Set();
      meanwhile(null);
      file.changed(sick, 2);
      throw new Error('no rules');
    });
    file.changed(sick, 1);
    await settle();
    expect(told).toEqual(['Error: no rules', '2: softmax-no-max']);
  });

  it('tells nothing after it was closed', async () => {
    const { file, told, settle, meanwhile } = opened();
    file.changed(sick, 1);
    meanwhile(() => {
      file.close();
    });
    await settle();
    expect(told).toEqual([]);
  });

  it('asks for the rules anew each time', async () => {
    const off = new Set<string>();
    const { file, told, settle } = opened(() => off);
    file.changed(sick, 1);
    await settle();
    off.add('softmax-no-max');
    file.changed(sick, 1, 0);
    await settle();
    expect(told).toEqual(['1: softmax-no-max', '1: ']);
  });

  describe('finds after any edit what a fresh look at the same text finds', () => {
    const folder = path.join(import.meta.dirname, '../../fixtures/python/hazards');
    const whole = readFileSync(path.join(folder, 'masks.py'), 'utf8');

    /** Texts that follow each other: cut, torn and mended again. */
    function* edits(): Generator<string> {
      let text = whole;
      let seed = 7;
      const random = (below: number): number => {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        return seed % below;
      };
      for (let round = 0; round < 60; round++) {
        const from = random(text.length);
        const to = Math.min(text.length, from + random(40));
        const put = ['', '\n', '    ', '(', '"""', whole.slice(random(4000), random(4000))][random(6)] ?? '';
        yield (text = text.slice(0, from) + put + text.slice(to));
        if (random(4) === 0) yield (text = whole);
      }
    }

    // How tree-sitter mends a text that is no Python depends on where it paused; what is Python is read alike.
    it.each([
      ['in one go', Infinity],
      ['with pauses, wherever it is Python', 0],
    ])('%s', async (_, sliceMs) => {
      const parser = await pythonParser(sliceMs);
      const truth = await pythonParser(Infinity);
      let round = 0;
      for (const text of edits()) {
        const grown = ended(findHazards(ended(parser.parsing(text))));
        round += 1;
        if (sliceMs === Infinity || text === whole)
          expect(grown, `round ${String(round)}`).toEqual(ended(findHazards(truth.parse(text))));
      }
      parser.dispose();
      truth.dispose();
    });
  });
});
