/** What the last run found on lines of source. */
import { describe, expect, it } from 'vitest';
import { lineNotes } from '../../../src/app/source/lineNotes';
import type { Crossing, Origin, Report } from '../../../src/core/report';
import { seedReport } from '../../support/seedReport';

const base = seedReport();
const [birth, crossing] = [base.origins[0], base.spread[0]];
if (!birth || !crossing) throw new Error('the report of the investigation has both');

const born = (file: string, line: number, facts: Partial<Origin> = {}): Origin => ({
  ...birth,
  source: { file, line },
  ...facts,
});
const crossed = (file: string, line: number, facts: Partial<Crossing> = {}): Crossing => ({
  ...crossing,
  source: { file, line },
  ...facts,
});
const notes = (parts: Partial<Report>): readonly string[] =>
  lineNotes({ ...base, origins: [], spread: [], ...parts }).map(
    ({ file, line, note }) => `${file}:${String(line)} ${note}`,
  );

describe('notes on lines of source', () => {
  it('join what began on one line, layer by layer', () => {
    const origins = [0, 1, 2].map((layer) => born('/m.py', 7, { layer, positions: ['0-29', ''] }));
    expect(notes({ origins })).toEqual(['/m.py:7 NaN begins here: sample 0: 0-29, layers 0–2']);
  });

  it('tell crossings on lines of their own, and a birth before a crossing', () => {
    const found = notes({
      origins: [born('/m.py', 7, { layer: 0, positions: ['0-29', ''] })],
      spread: [
        crossed('/m.py', 7, { layer: 1, positions: ['30-34', ''] }),
        crossed('/m.py', 9, { layer: 1, positions: ['30-34', ''] }),
      ],
    });
    expect(found).toEqual([
      '/m.py:7 NaN begins here: sample 0: 0-29, layer 0',
      '/m.py:9 NaN reaches clean positions here: sample 0: 30-34, layer 1',
    ]);
  });

  it('are none where a run knows no lines, as an ONNX model', () => {
    expect(lineNotes(base)).toEqual([]);
  });

  it('cut long positions, and escape what files and models are called', () => {
    const [note] = lineNotes({
      ...base,
      model: { ...base.model, name: '`](command:x)' },
      origins: [born('/m.py', 1, { positions: Array.from({ length: 50 }, () => '0-1,3') })],
    });
    expect(note?.note.length).toBeLessThan(130);
    expect(note?.card).not.toContain('](command:x)`');
    expect(note?.card.split('\n\n')).toHaveLength(2);
  });
});
