/** The page's pure parts: figures, fields, rows, the window of a long list, and the schema of what arrives. */
import { describe, expect, it } from 'vitest';
import {
  birthMechanisms,
  crossingMechanisms,
  engineLevels,
  silentMechanisms,
  stages,
  type Report,
  type TableRow,
} from '../../src/core/report';
import { batchChoice, toPanel } from '../../src/protocol/panel';
import { reportSchema } from '../../src/protocol/reportSchema';
import { batchOf, draftOf, lengthsProblem, seedProblem } from '../../webview/panel/batch';
import { describeCell, positionsText } from '../../webview/panel/describe';
import { sceneOf } from '../../webview/panel/mapScene';
import { rolesOfRow } from '../../webview/panel/roles';
import { filterRows, portRows, type RowFilter } from '../../webview/panel/rows';
import { foldsOf, shownGroups, whichOf } from '../../webview/panel/story';
import { readUi } from '../../webview/panel/ui';
import { reveal, sameWindow, windowOf } from '../../webview/panel/window';
import { figure, visible } from '../../webview/shared/text';
import { healed, hostileSuffix, kimi, manyBirths } from '../fixtures/reports/generate';
import { applied, done } from './support/states';

describe('figure', () => {
  it.each([
    [2.7e-6, '2.7e−6'],
    [1e-5, '1e−5'],
    [0, '0'],
    [-0.000123456, '−1.23e−4'],
    [1234567, '1.23e6'],
    [3.14159, '3.14'],
    [-35, '−35'],
    [100, '100'],
    ['NaN' as const, 'NaN'],
    ['-Infinity' as const, '−Infinity'],
    [Number.NaN, 'NaN'],
    [null, '–'],
    [undefined, '–'],
  ])('%s reads %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });
});

it('invisible characters become visible', () => {
  expect(visible('a\u202eb\n\u0000\u200b')).toBe('a\\u202eb\\n\\x00\\u200b');
});

describe('the batch bar', () => {
  it.each([
    ['5, 35', null],
    ['0 12', null],
    ['', 'Give one length per sample, for example 5, 35.'],
    ['5,-1', '“-1” is not a whole number: give lengths such as 5, 35.'],
    ['1.5', '“1.5” is not a whole number: give lengths such as 5, 35.'],
    ['1000001', 'A sample can have at most 1,000,000 tokens.'],
    ['0,0', 'At least one sample needs a token.'],
    [Array(1025).fill('1').join(','), 'A batch can have at most 1,024 samples.'],
  ])('%s', (text, problem) => {
    expect(lengthsProblem(text)).toBe(problem);
  });
  it('seeds are 32 bits', () => {
    expect([seedProblem('4294967295'), seedProblem('4294967296'), seedProblem('x')].map((p) => p === null)).toEqual([
      true,
      false,
      false,
    ]);
  });
  it('gives back what it was given, and only what the host accepts', () => {
    const { batch } = done();
    expect(batchOf(draftOf(batch), batch)).toEqual(batch);
    const more = { ...batch, padId: 7, cast: 'float32' as const, expandAttention: true as const };
    expect(batchOf(draftOf(more), more)).toEqual(more);
    const changed = batchOf({ ...draftOf(batch), lengths: '1;2  3', mask: 'm:inverted' }, batch);
    expect(batchChoice.parse(changed)).toEqual({ ...batch, lengths: [1, 2, 3], mask: 'm:inverted' });
    expect(batchOf({ ...draftOf(batch), kind: 'file' }, batch), 'no file chosen yet').toBeNull();
  });
});

describe('rows', () => {
  const all: RowFilter = { layers: '', onlyNan: false, port: 'all', stage: 'all' };
  const names = (report: Report, filter: Partial<RowFilter>): string[] => {
    const full = { ...all, ...filter };
    return filterRows(portRows(report, full.port), full).map(({ layer, name }) => `${layer ?? ''} ${name}`.trim());
  };
  const report = kimi({ layers: 20 });
  it('chooses layers by ranges', () => {
    const layersOf = (text: string): number[] => [
      ...new Set(filterRows(portRows(report, 'all'), { ...all, layers: text }).map(({ row }) => row.layer ?? -1)),
    ];
    expect(layersOf('0-2,15')).toEqual([0, 1, 2, 15]);
    expect(layersOf('17–')).toEqual([17, 18, 19]);
    expect(layersOf(' 3 , 5 ')).toEqual([3, 5]);
    expect(layersOf('99')).toEqual([]);
  });
  it('finds names anywhere, without regard to case', () => {
    expect(names(report, { layers: 'LM_HEAD' })).toEqual(['logits']);
    expect(names(report, { layers: 'layer 3 attention', port: 'out' })).toEqual(['layer 3 attention']);
    // Not a pattern: a name with brackets must not throw.
    expect(names(report, { layers: '(' })).toEqual([]);
  });
  it('marks where NaN reaches real tokens once per sample, among the rows that are shown', () => {
    for (const port of ['out', 'all'] as const) {
      const reached = portRows(report, port).filter((row) => row.cells?.[0]?.state === 'reached');
      expect(reached.map(({ layer, name }) => `${layer ?? ''} ${name}`)).toEqual(['layer 1 attention']);
    }
  });
  it('never moves a birth to another row', () => {
    expect(portRows(report, 'in').every((row) => row.notes.length === 0)).toBe(true);
  });
});

describe('the window of a long list', () => {
  it('always covers what is visible and never more than it may', () => {
    let seed = 11;
    const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
    for (let round = 0; round < 2000; round++) {
      const total = random(3000);
      const size = 1 + random(40);
      const room = random(1200);
      const offset = random(Math.max(1, total * size - room + 500));
      const spare = random(10);
      const { from, to } = windowOf(total, size, offset, room, spare);
      const context = JSON.stringify({ total, size, room, offset, spare, from, to });
      expect(from >= 0 && from <= to && to <= Math.max(total, from), context).toBe(true);
      expect(to - from <= room / size + 4 * spare + 2, context).toBe(true);
      let covered = true;
      for (let y = offset; y < Math.min(offset + room, total * size); y += size) {
        const item = Math.floor(y / size);
        covered &&= item >= from && item < to;
      }
      expect(covered, context).toBe(true);
    }
  });
  it('moves in steps: most frames of a slow scroll draw nothing', () => {
    const windows = Array.from({ length: 480 }, (_, top) => windowOf(500, 24, top + 2400, 420, 8));
    const changes = windows.filter((window, i) => i > 0 && !sameWindow(window, windows[i - 1] ?? window));
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.length).toBeLessThanOrEqual(6);
  });
  it('reveals with the least movement', () => {
    expect([reveal(0, 24, 100, 240), reveal(5, 24, 100, 240), reveal(30, 24, 100, 240)]).toEqual([0, 100, 504]);
  });
});

it('knows every fold around a step, outermost first', () => {
  const base = kimi({ layers: 2 });
  const [first] = base.spread;
  if (first === undefined) throw new Error('needs a crossing');
  // One group more than is shown at once, each of two layers.
  const spread = Array.from({ length: 2 * (shownGroups + 1) }, (_, i) => ({
    ...first,
    op: `Op${String(i >> 1)}`,
    layer: i % 2,
  }));
  const report = { ...base, spread };
  const folds = (index: number): readonly string[] => foldsOf(report, 'crossing', spread[index] ?? first);
  expect(folds(0)).toEqual([]);
  expect(folds(1)).toEqual(['alike-0']);
  const last = 2 * shownGroups;
  expect(folds(last)).toEqual(['crossings']);
  expect(folds(last + 1)).toEqual(['crossings', `alike-${String(last)}`]);
  expect(foldsOf(report, 'birth', report.origins[0] ?? first)).toEqual([]);
  expect(foldsOf(report, 'silent', first)).toEqual(['silent']);
});

it('leads from a silent finding to the step that tells of it', () => {
  const base = manyBirths(2);
  const [first] = base.silent;
  if (first === undefined) throw new Error('needs a silent finding');
  const silent = [first, { ...first, layer: 2 }, { ...first, layer: 3, mechanism: 'guarded' as const }];
  const report = { ...base, silent };
  expect(silent.map((finding) => whichOf(report, finding)?.index)).toEqual([0, 0, 2]);
  expect(whichOf(report, { ...first })).toBeNull();
});

it('cells in words', () => {
  const rows = portRows(kimi({ layers: 2 }), 'out');
  expect(rows[2] === undefined ? '' : describeCell(rows[2], 0)).toBe(
    'layer 0 attention, sample 0: NaN at 30 of 35 positions, 30 of 30 padding and 0 of 5 real',
  );
  expect(positionsText('')).toBe('none');
  const long = Array.from({ length: 200 }, (_, i) => String(2 * i)).join(',');
  expect(positionsText(long)).toMatch(/^0, 2, .*, … \(200 positions\)$/);
  expect(positionsText(long).length).toBeLessThan(150);
});

describe('what arrives', () => {
  it.each([
    ['kimi', kimi({ layers: 3 })],
    ['healed', healed(2)],
    ['hostile', kimi({ layers: 1, suffix: hostileSuffix })],
    ['many births', manyBirths(3)],
  ])('accepts %s', (_, report) => {
    const json: unknown = JSON.parse(JSON.stringify(report));
    expect(reportSchema.parse(json)).toEqual(json);
  });
  it('knows every word of the contract', () => {
    const base = manyBirths(2);
    const [row, origin, silent] = [base.table[0], base.origins[0], base.silent[0]];
    if (row === undefined || origin === undefined || silent === undefined) {
      throw new Error('fixture changed');
    }
    const full: Report = {
      ...base,
      table: stages.map((stage) => ({ ...row, stage })),
      origins: birthMechanisms.map((mechanism) => ({ ...origin, mechanism })),
      spread: crossingMechanisms.map((mechanism) => ({ ...origin, mechanism })),
      silent: silentMechanisms.map((mechanism) => ({ ...silent, mechanism })),
      observer: {
        outputsBitEqual: true,
        roundedTo: 'float16',
        userLevel: { level: engineLevels[0], sameNanPositions: false, maxAbsDiff: 'NaN' },
      },
    };
    expect(reportSchema.parse(full)).toEqual(full);
    for (const optimization of engineLevels) {
      reportSchema.parse({ ...full, engine: { ...full.engine, optimization } });
    }
  });
  it('accepts every state and later additions, refuses another version', () => {
    for (const state of [done(), applied(), done({ phase: 'empty', report: null })]) {
      toPanel.parse(JSON.parse(JSON.stringify({ type: 'state', state })));
      toPanel.parse({ type: 'state', state: { ...state, later: 1, report: { ...kimi({ layers: 1 }), later: {} } } });
    }
    expect(
      toPanel.safeParse({ type: 'state', state: done({ modelName: undefined as unknown as string }) }).success,
    ).toBe(false);
    expect(reportSchema.safeParse({ ...kimi({ layers: 1 }), schemaVersion: 2 }).success).toBe(false);
    // JSON turns NaN into null: a sender that forgot to encode is refused and not shown as "null".
    const forgot = JSON.parse(
      JSON.stringify({ ...kimi({ layers: 1 }), outputs: [{ name: 'x', nanPositions: [NaN], of: 1, nanAt: null }] }),
    ) as unknown;
    expect(reportSchema.safeParse(forgot).success).toBe(false);
  });
});

it('kept settings are mended field by field', () => {
  expect(readUi({ onlyNan: true, layers: 4, active: { row: -1 }, tableTop: 7 })).toMatchObject({
    onlyNan: true,
    layers: '',
    active: null,
    tableTop: 7,
    port: 'out',
  });
  expect(readUi('nonsense')).toEqual(readUi(null));
});

describe('two sequences', () => {
  const report = kimi({ layers: 1 });
  const [first] = report.table;
  if (first === undefined) throw new Error('needs a row');
  const memory = { positions: 35, roles: ['r'.repeat(34) + 'p', 'r'.repeat(35)] };
  const both: Report = { ...report, batch: { ...report.batch, memory } };
  const encoder: TableRow = { ...first, sequence: 'memory' };

  it('of one length are told apart by what the row says', () => {
    expect(rolesOfRow(both.batch, first, 0)).toBe('p'.repeat(30) + 'r'.repeat(5));
    expect(rolesOfRow(both.batch, encoder, 0)).toBe(memory.roles[0]);
    expect(rolesOfRow(both.batch, { ...first, samples: null }, 0)).toBe('');
    const short = { positions: 1, roles: ['p', 'r'] };
    const one = { ...first, samples: (first.samples ?? []).map((health) => ({ ...health, of: 1 })) };
    expect(rolesOfRow({ ...both.batch, memory: short }, one, 0), 'a report of before').toBe('p');
  });

  it('the map sets each row apart by the padding of its own', () => {
    const row = { index: 0, layer: null, name: 'x', cells: null, notes: [] };
    const sick = {
      ...encoder,
      samples: (encoder.samples ?? []).map((health) => ({ ...health, nan: 2, nanAt: '33-34' })),
    };
    const plot = { left: 0, width: 700, height: 30 };
    const scene = sceneOf(
      both,
      [
        { ...row, row: first },
        { ...row, row: sick },
      ],
      0,
      plot,
      1,
    );
    expect(scene.lines.map(({ cells }) => cells?.nan)).toEqual([
      [],
      [
        { from: 33, to: 34, role: 'r' },
        { from: 34, to: 35, role: 'p' },
      ],
    ]);
    // One gap each, but not at the same place.
    expect(scene.lines.map(({ cells }) => cells?.columns.at(620))).toEqual([30, 31]);
    expect(scene.lines.map(({ cells }) => Math.round(cells?.columns.start(31) ?? 0))).toEqual([621, 615]);
  });
});
