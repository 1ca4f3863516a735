/** What counts as the same, row by row, and the sentence that is drawn from it. */
import { describe, expect, it } from 'vitest';
import { compareRuns } from '../../../src/core/compare/compare';
import { joinedRuns } from '../../../src/core/compare/runOfReport';
import type { ComparedRun } from '../../../src/core/compare/types';
import { run, type RowInit } from './support';

const attention = (nanAt: string, layer = 0): RowInit => ({ layer, stage: 'attention', nanAt: [nanAt] });
const sameRows = (runs: readonly ComparedRun[]): boolean[] => compareRuns(runs, ['model']).rows.map(({ same }) => same);

describe('two samples are compared', () => {
  it.each<[string, [string, string], [string, string], boolean]>([
    ['position by position where both are padded alike: the same', ['pprr', '0-1'], ['pprr', '0-1'], true],
    ['position by position: one more', ['pprr', '0-1'], ['pprr', '0-2'], false],
    ['position by position: as many, elsewhere', ['rrrr', '0-1'], ['rrrr', '2-3'], false],
    ['by real tokens where the padding is elsewhere', ['pprr', '2'], ['rrpp', '0'], true],
    ['by real tokens: not the same one', ['pprr', '2'], ['rrpp', '1'], false],
    ['by real tokens, and by whether padding holds any', ['pprr', '0-1'], ['rrpp', ''], false],
    ['without padding beside padding that is clean', ['pprr', ''], ['rr', ''], true],
    ['without padding beside padding that is not', ['pprr', '0'], ['rr', ''], false],
    ['by kind where lengths differ: all of each', ['pprr', '0-3'], ['ppprrr', '0-5'], true],
    ['by kind: some real tokens, and all', ['prr', '0-1'], ['prrr', '0-3'], false],
  ])('%s', (_, [roles, nan], [others, otherNan], same) => {
    const runs = [run('a', [roles], [attention(nan)]), run('b', [others], [attention(otherNan)])];
    expect(sameRows(runs)).toEqual([same]);
  });

  it('only as far as both have samples', () => {
    const row = (nanAt: readonly string[]): RowInit => ({ layer: 0, stage: 'attention', nanAt });
    const runs = [run('a', ['rr', 'rr'], [row(['', '0'])]), run('b', ['rr'], [row([''])])];
    const comparison = compareRuns(runs, ['model']);
    expect(comparison.rows[0]?.same).toBe(true);
    expect(comparison.notes).toEqual(['Variants have different numbers of samples; those that all have are compared.']);
  });

  it('not where positions are unknown in one of them', () => {
    const runs = [
      run('a', ['rr'], [attention('0')]),
      run('b', ['rr'], [{ layer: 0, stage: 'attention', nanAt: null }]),
    ];
    const [row] = compareRuns(runs, ['model']).rows;
    expect(row?.cells[1]).toBeNull();
    expect(row?.same).toBe(true);
  });
});

describe('batches of one model, joined', () => {
  const row = (nanAt: readonly string[]): RowInit => ({ layer: 0, stage: 'attention', nanAt });
  const padded = run('padded', ['rr', 'pp'], [row(['', '0-1'])]);

  it('have an empty sample without positions where nothing of it was left to run', () => {
    const joined = joinedRuns([{ run: run('own', ['rr'], [row([''])]), samples: [0] }], 2, 'joined');
    expect(joined.roles).toEqual(['rr', '']);
    const comparison = compareRuns([padded, joined], ['padding']);
    expect(comparison.rows[0]?.cells[1]?.[1]).toMatchObject({ nan: 0, of: 0 });
    expect(comparison.rows[0]?.same).toBe(false);
    expect(comparison.notes).toEqual([]);
  });

  it('leave no hole where the first sample is the empty one', () => {
    const joined = joinedRuns([{ run: run('own', ['rr'], [row([''])]), samples: [1] }], 2, 'joined');
    expect(JSON.stringify(joined)).not.toContain('[null');
    expect(joined.roles).toEqual(['', 'rr']);
  });
});

describe('rows are laid side by side', () => {
  it('by what they stand for, and what only one has comes where it stands there', () => {
    const stages = (...rows: readonly RowInit[]) => run('x', ['r'], rows);
    const [embed, first, second, logits]: RowInit[] = [
      { layer: null, stage: 'embed', nanAt: [''] },
      attention('', 0),
      attention('', 1),
      { layer: null, stage: 'logits', nanAt: [''] },
    ];
    if (!embed || !first || !second || !logits) throw new Error('four rows');
    const { rows } = compareRuns([stages(embed, first, logits), stages(embed, first, second, logits)], ['model']);
    expect(rows.map(({ stage, layer, cells }) => [stage, layer, cells.map((cell) => cell !== null)])).toEqual([
      ['embed', null, [true, true]],
      ['attention', 0, [true, true]],
      ['attention', 1, [false, true]],
      ['logits', null, [true, true]],
    ]);
  });

  it('whatever their labels are, and sides of an encoder and a decoder apart', () => {
    const row = (label: string, nanAt: string): RowInit => ({ layer: 0, stage: 'mlp', nanAt: [nanAt], label });
    const runs = [
      run('a', ['r'], [row('encoder.layers.0.mlp', ''), row('decoder.layers.0.mlp', '0')]),
      run('b', ['r'], [row('decoder.layers.0.ffn', '0'), row('encoder.layers.0.ffn', '')]),
    ];
    expect(sameRows(runs)).toEqual([true, true]);
  });
});

describe('the verdict', () => {
  const verdict = (...runs: readonly ComparedRun[]) => compareRuns(runs, ['sharding']).verdict.sentence;

  it('clears what is not the cause', () => {
    const sick = (label: string) => run(label, ['ppr'], [attention('0-1'), attention('0-2', 1)]);
    expect(verdict(sick('sharded'), sick('unsharded'))).toBe(
      'Identical NaN pattern, at the same positions of every stage: sharding is not the cause.',
    );
  });

  it('names who has NaN, who has not, and where they part', () => {
    const sick = run('sharded', ['ppr'], [attention(''), attention('0-1', 1)]);
    const clean = run('unsharded', ['ppr'], [attention(''), attention('', 1)]);
    expect(verdict(sick, clean)).toBe(
      'NaN in sharded, none in unsharded: sharding makes the difference. The first difference is at layer 1 attention: 2/3 in sharded; 0/3 in unsharded (sample 0).',
    );
  });

  it('tells NaN at real tokens from NaN that stays at padding', () => {
    const real = run('a', ['ppr'], [attention('0-2')]);
    const padding = run('b', ['ppr'], [attention('0-1')]);
    expect(verdict(real, padding)).toMatch(/^NaN reaches real tokens in a, and stays at padding in b\./);
  });

  it('does not call one pattern another only because there is NaN in both', () => {
    const one = run('a', ['rrr'], [attention('0')]);
    const other = run('b', ['rrr'], [attention('2')]);
    const comparison = compareRuns([one, other, one], ['sharding']);
    expect(comparison.variants.map(({ pattern }) => pattern)).toEqual([0, 1, 0]);
    expect(comparison.verdict).toMatchObject({ same: false, firstDifference: 0 });
    expect(comparison.verdict.sentence).toMatch(/^NaN in every variant, in 2 different patterns: sharding is not what/);
  });

  it('says it where there is none', () => {
    const clean = run('a', ['r'], [attention('')]);
    expect(verdict(clean, clean)).toBe('No NaN in any of the 2 variants.');
  });
});

describe('no more is said than was measured', () => {
  const sentence = (runs: readonly ComparedRun[], about: Parameters<typeof compareRuns>[1] = ['model']): string =>
    compareRuns(runs, about).verdict.sentence;
  const born = (own: ComparedRun, layer: number): ComparedRun => ({
    ...own,
    births: [
      {
        layer,
        block: null,
        stage: 'attention',
        mechanism: 'fully-masked-row',
        op: 'Softmax',
        node: 'n',
        positions: null,
      },
    ],
  });

  it('in whichever order variants come', () => {
    // Beside a shorter batch two batches of the same length look alike, and beside each other they do not.
    const short = run('short', ['prr'], [attention('0-1')]);
    const [one, other] = [run('one', ['prrr'], [attention('0-1')]), run('other', ['prrr'], [attention('0,3')])];
    for (const runs of [
      [short, one, other],
      [one, other, short],
      [other, short, one],
    ]) {
      const { verdict, variants } = compareRuns(runs, ['model']);
      expect(verdict.same).toBe(false);
      expect(new Set(variants.map(({ pattern }) => pattern)).size).toBe(2);
    }
  });

  it('of variants without a stage in common nothing is concluded', () => {
    const one = run('a', ['r'], [{ layer: null, stage: 'other', label: 'x', nanAt: ['0'] }]);
    const other = run('b', ['r'], [{ layer: null, stage: 'other', label: 'y', nanAt: ['0'] }]);
    expect(compareRuns([one, other], ['model']).verdict).toMatchObject({ same: false, firstDifference: null });
    expect(sentence([one, other])).toBe(
      'a and b have no stage in common that could be compared, so nothing is said of what makes a difference.',
    );
  });

  it('stages that only one has are not called identical', () => {
    const one = run('a', ['r'], [attention('0'), attention('0', 1)]);
    const other = run('b', ['r'], [attention('0')]);
    expect(sentence([one, other], ['attention'])).toBe(
      'Identical NaN pattern, at the same positions of every stage that they share: the attention implementation is not the cause.',
    );
  });

  it('NaN in values without positions is NaN, and is compared', () => {
    const whole = (nan: boolean): RowInit => ({
      layer: null,
      stage: 'other',
      label: 'pooled',
      nanAt: null,
      whole: nan,
    });
    const [sick, clean] = [run('sick', ['r'], [whole(true)]), run('clean', ['r'], [whole(false)])];
    expect(compareRuns([sick, sick], ['model']).verdict).toMatchObject({ same: true });
    expect(sentence([sick, sick])).not.toContain('No NaN');
    const { variants, rows } = compareRuns([sick, clean], ['model']);
    expect(variants.map(({ nan }) => nan)).toEqual(['unplaced', 'none']);
    expect(rows[0]).toMatchObject({ same: false, whole: [true, false] });
    expect(sentence([sick, clean])).toContain('NaN as a whole in sick; none in clean');
  });

  it('NaN that is born where no row shows it is NaN', () => {
    const clean = run('a', ['r'], [attention('')]);
    expect(compareRuns([born(clean, 0), clean], ['model']).variants.map(({ nan }) => nan)).toEqual([
      'unplaced',
      'none',
    ]);
  });

  it('what varies beside the cause is not blamed with it', () => {
    const [sick, clean] = [[attention('0-1')], [attention('')]];
    const at = (label: string, rows: RowInit[], padding: string, sharding: string): ComparedRun => ({
      ...run(label, ['ppr'], rows),
      varied: { padding, sharding },
    });
    const runs = [at('a', sick, 'left', '1'), at('b', clean, 'right', '1'), at('c', sick, 'left', '2')];
    const all = [...runs, at('d', clean, 'right', '2')];
    expect(sentence(all, ['sharding', 'padding'])).toMatch(
      /^NaN in a and c, none in b and d: the side of the padding makes the difference; sharding is not the cause\./,
    );
  });

  it('names that hold commas are in quotes, and of many the first is named', () => {
    const at = (label: string, nanAt: string): ComparedRun => run(label, ['pprr'], [attention(nanAt)]);
    const [sick, ...clean] = [at('left, unfixed', '0-1'), at('left, a', ''), at('right, unfixed', ''), at('none', '')];
    expect(sentence([sick, ...clean.slice(0, 2)])).toMatch(
      /^NaN in “left, unfixed”, none in “left, a” and “right, unfixed”: .* 2\/4 in “left, unfixed”; 0\/4 in “left, a” and “right, unfixed” \(sample 0\)\.$/,
    );
    expect(sentence([sick, ...clean, at('more', '')])).toMatch(
      /^NaN in “left, unfixed”, none in the 4 others: .* 2\/4 in “left, unfixed”; 0\/4 in “left, a” and 3 more \(sample 0\)\.$/,
    );
  });

  describe('of padding', () => {
    const [sick, clean] = [attention('0-1'), attention('')];
    const padded = (padding: string, row: RowInit): ComparedRun => ({
      ...run(padding, [padding === 'none' ? 'r' : 'ppr'], [row]),
      varied: { padding },
    });
    it.each<[string, readonly ComparedRun[], string]>([
      [
        'the side, where the sides differ',
        [padded('left', sick), padded('right', clean)],
        'the side of the padding makes',
      ],
      [
        'the side, where they differ beside a run without any',
        [padded('left', sick), padded('right', clean), padded('none', clean)],
        'the side of the padding makes the difference',
      ],
      [
        'that there is any, where the sides are alike',
        [padded('left', sick), padded('right', sick), padded('none', clean)],
        ': padding makes the difference',
      ],
      ['that there is any, where one side ran', [padded('none', clean), padded('left', sick)], ': padding makes'],
      [
        'the side, where both are alike and nothing else ran',
        [padded('left', sick), padded('right', { ...sick, nanAt: ['0-1'] })],
        'the side of the padding',
      ],
    ])('names %s', (_, runs, said) => {
      expect(sentence(runs, ['padding'])).toContain(said);
    });
  });

  it('three causes are a list', () => {
    const [sick, clean] = [run('a', ['r'], [attention('0')]), run('b', ['r'], [attention('')])];
    expect(sentence([sick, clean], ['attention', 'fix', 'lengths'])).toContain(
      'the attention implementation, the fix and the length of the batch make the difference',
    );
  });

  it('labels that have commas are quoted in lists of them', () => {
    const labelled = (label: string, nanAt: string): ComparedRun => run(label, ['pr'], [attention(nanAt)]);
    const runs = [labelled('left, fused', '0'), labelled('left, eager', '0'), labelled('right', '')];
    expect(sentence(runs)).toMatch(/^NaN in “left, fused” and “left, eager”, none in “right”: /);
    expect(sentence(runs)).toContain('1/2 in “left, fused” and “left, eager”; 0/2 in “right” (sample 0).');
  });

  it('where NaN begins elsewhere, what varies is not cleared of it', () => {
    const [one, other] = [run('a', ['rr'], [attention('0')]), run('b', ['rr'], [attention('1')])];
    expect(sentence([born(one, 0), born(other, 0)])).toContain('is not what NaN begins with, but changes where it is');
    expect(sentence([born(one, 0), born(other, 1)])).toContain(
      'NaN in every variant, in 2 different patterns, and it does not begin alike: what differs between the models changes where it is.',
    );
    const { births: _, ...unknown } = other;
    expect(sentence([born(one, 0), unknown])).not.toContain('begin');
  });
});
