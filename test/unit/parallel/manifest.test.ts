import { describe, expect, it } from 'vitest';
import { checkShards, parseShardList } from '../../../src/core/parallel/manifest';

const list = (value: unknown) =>
  parseShardList('shards.json', typeof value === 'string' ? value : JSON.stringify(value));

describe('a list of shards', () => {
  it('is read', () => {
    const good = {
      ranks: [
        ['a.onnx', 'deep/er/b.onnx'],
        ['c..onnx', '..d.onnx'],
      ],
      allReduce: ['x'],
    };
    expect(list(good)).toEqual(good);
  });

  it.each([
    ['../a.onnx'],
    ['x/../../a.onnx'],
    ['/etc/passwd'],
    ['C:/a.onnx'],
    ['C:a.onnx'],
    ['\\\\server\\share\\a.onnx'],
    ['x\\..\\..\\a.onnx'],
    ['a\0.onnx'],
  ])('that names %j is refused', (file) => {
    expect(() => list({ ranks: [[file]], allReduce: [] })).toThrow(
      expect.objectContaining({ code: 'external-data-escapes' }) as Error,
    );
  });

  it.each([
    ['{', /it is not JSON/],
    ['null', /is no list of shards/],
    ['[]', /is no list of shards/],
    [{ ranks: [], allReduce: [] }, /"ranks"/],
    [{ ranks: [[]], allReduce: [] }, /"ranks.0"/],
    [{ ranks: [['a.onnx']] }, /"allReduce"/],
    [{ ranks: [[1]], allReduce: [] }, /"ranks.0.0"/],
    [{ ranks: [['a.onnx']], allReduce: [], more: 1 }, /no list of shards: .*more/],
    [{ ranks: [['a.onnx'], ['b.onnx', 'c.onnx']], allReduce: [] }, /1 and 2 parts/],
    [{ ranks: Array.from({ length: 65 }, () => ['a.onnx']), allReduce: [] }, /"ranks"/],
    ['{"ranks":[["a.onnx"]],"allReduce":[],"__proto__":{"x":1}}', /no list of shards/],
  ])('%j is none', (value, message) => {
    expect(() => list(value)).toThrow(expect.objectContaining({ code: 'bad-input' }) as Error);
    expect(() => list(value)).toThrow(message);
  });
});

describe('shards that do not fit together', () => {
  const part = (reads: readonly string[], gives: readonly string[]) => ({ reads, gives });
  const check = (ranks: readonly (readonly ReturnType<typeof part>[])[], allReduce: readonly string[]) => {
    checkShards('shards.json', { ranks: [], allReduce }, ranks, new Set(['ids']));
  };

  it('do where each part finds what it reads', () => {
    const rank = [part(['ids'], ['x', 'y']), part(['x', 'y', 'ids'], ['z'])];
    expect(() => check([rank, rank], ['x'])).not.toThrow();
  });

  it('are told of a value that nothing before gives', () => {
    expect(() => check([[part(['ids'], ['x']), part(['w'], ['z'])]], [])).toThrow(
      /Rank 0 of .* reads "w" in its part 1/,
    );
  });

  it('are told of a sum that one rank has in another part', () => {
    const early = [part(['ids'], ['x']), part(['x'], ['z'])];
    const late = [part(['ids'], ['v']), part(['v'], ['x'])];
    expect(() => check([early, late], ['x'])).toThrow(/"x" is in allReduce/);
  });
});
