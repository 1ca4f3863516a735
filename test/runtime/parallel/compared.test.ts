/** Sharded against unsharded as one comparison, by name and as files: the table of the investigation. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare, type CompareRequest } from '../../../src/app/compare/compare';
import { saveShards } from '../../../src/app/parallel/saveShards';
import type { EngineJob, RunRequest } from '../../../src/app/ports';
import type { DiagnoseDeps } from '../../../src/app/useCases';
import { parseVariation } from '../../../src/core/compare/variations';
import type { Comparison } from '../../../src/core/compare/types';
import { realDeps } from '../../support/diagnosing';
import { pythonCode } from '../../support/python';

const model = 'builtin:kimi-k2-mini?layers=2';
let deps: DiagnoseDeps;
let folder: string;
let shards: string;
beforeAll(async () => {
  deps = await realDeps();
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-shards-'));
  const how = { kind: 'ranks', ranks: 2, shard: 'all' } as const;
  ({ file: shards } = await saveShards(deps, { model, folder: join(folder, 'shards'), how, force: false }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const compared = (
  models: readonly string[],
  variations: readonly string[],
  base: Partial<CompareRequest['base']> = {},
  own = deps,
) => compare(own, { models, base: { userLevel: 'all', ...base }, variations: variations.map(parseVariation) }, {});

describe('shards are saved', () => {
  const how = { kind: 'ranks', ranks: 2, shard: 'all' } as const;

  it('over no file that was there, with or without a list', async () => {
    const own = join(folder, 'own', 'rank1', 'part0.onnx');
    await mkdir(dirname(own), { recursive: true });
    await writeFile(own, 'mine');
    const save = (force: boolean) => saveShards(deps, { model, folder: join(folder, 'own'), how, force });
    await expect(save(false)).rejects.toMatchObject({ code: 'would-overwrite', message: `${own} exists already.` });
    expect(await readdir(join(folder, 'own'))).toEqual(['rank1']);
    expect(await readFile(own, 'utf8')).toBe('mine');
    await save(true);
    expect(await readFile(own, 'utf8')).not.toBe('mine');
  });

  it('in no file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(saveShards(deps, { model, folder: file, how, force: false })).rejects.toThrow(
      'a file stands where its folder would be',
    );
  });
});

/** `30/35 0/35` of one row, by variant. */
const row = ({ rows }: Comparison, layer: number | null, stage: string): readonly string[] =>
  (rows.find((own) => own.layer === layer && own.stage === stage && own.port === 'out')?.cells ?? []).map((cells) =>
    (cells ?? []).map(({ nan, of }) => `${String(nan)}/${String(of)}`).join(' '),
  );

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

describe('a comparison of ranks', () => {
  it('shows the same NaN on every rank as in one process, on either side of the padding', async () => {
    const comparison = await compared([model], ['ranks=1,2', 'padding=left,right']);
    const labels = comparison.variants.map(({ label }) => label);
    expect(labels).toEqual([
      '1 rank, padding left',
      '1 rank, padding right',
      '2 ranks, padding left, rank 0',
      '2 ranks, padding left, rank 1',
      '2 ranks, padding right, rank 0',
      '2 ranks, padding right, rank 1',
    ]);
    const [left, right] = ['30/35 0/35', '0/35 0/35'];
    expect(row(comparison, 0, 'attention')).toEqual([left, right, left, left, right, right]);
    expect(row(comparison, 1, 'attention')).toEqual(
      ['35/35 0/35', right].flatMap((own, at, both) => (at === 0 ? both : [both[0] ?? '', both[0] ?? '', own, own])),
    );
    expect(row(comparison, null, 'logits')).toEqual(row(comparison, 1, 'attention'));
    expect(comparison.variants.map(({ pattern }) => pattern)).toEqual([0, 1, 0, 0, 1, 1]);
    for (const { facts, births } of comparison.variants.slice(2)) {
      expect(births).toBeNull();
      expect(facts.join('; ')).toMatch(/^weights \d+\.\d kB; 4 all-reduces; \d+ ms$/);
    }
    for (const { difference } of comparison.variants.slice(2)) expect(Number(difference)).toBeLessThanOrEqual(1e-5);
  });

  it('leaves no outputs in the engine for longer than a variant needs them', async () => {
    const kept = new Set<string>();
    let jobs = 0;
    let most = 0;
    const start = (signal?: AbortSignal): EngineJob => {
      const job = deps.engine.start(signal);
      jobs += 1;
      // The others are ranks, which end with their variant.
      if (jobs > 1) return job;
      return Object.assign(Object.create(job) as EngineJob, {
        run: async (request: RunRequest) => {
          const result = await job.run(request);
          for (const handle of Object.keys(request.keep ?? {})) kept.add(handle);
          most = Math.max(most, kept.size);
          return result;
        },
        drop: async (handles: readonly string[]) => {
          await job.drop(handles);
          for (const handle of handles) kept.delete(handle);
        },
      });
    };
    // Each is held against its own model in one process, since no variant is one.
    const models = ['eager-add', 'eager-where', 'finfo-min'].map(
      (attention) => `builtin:kimi-k2-mini?layers=1&attention=${attention}`,
    );
    await compared(models, ['ranks=2'], {}, { ...deps, engine: { start } });
    expect(jobs).toBe(1 + 3 * 2);
    expect(most).toBe(1);
    expect(kept).toEqual(new Set());
  });

  it('that differ in nothing else says that sharding is not the cause', async () => {
    const { verdict, dimensions, variants } = await compared([model], ['shard=all,moe']);
    expect(verdict.sentence).toMatch(/^Identical NaN pattern.*sharding is not the cause\.$/);
    expect(dimensions).toEqual(['sharding']);
    expect(variants.map(({ label }) => label)).toEqual([
      'shard all, rank 0',
      'shard all, rank 1',
      'shard moe, rank 0',
      'shard moe, rank 1',
    ]);
    // The first variant runs in parts too.
    expect(variants[0]?.facts[0]).toMatch(/^outputs of real tokens \S+ from one process$/);
  });

  it('of stages is one run, equal to the whole', async () => {
    // One variant in parts is compared with the whole.
    const { verdict, dimensions, variants } = await compared([model], ['stages=2']);
    expect(verdict.same).toBe(true);
    expect(dimensions).toEqual(['pipeline']);
    expect(variants.map(({ label }) => label)).toEqual(['one process', '2 stages']);
    expect(variants[1]?.difference).toBe(0);
    expect(variants[1]?.facts[0]).toMatch(/^weights \d+\.\d kB \+ \d+\.\d kB$/);
  });

  it.each([
    [['ranks=2,8'], /8 ranks cannot divide the heads=4 of builtin:kimi-k2-mini\?layers=2/, /heads=8.*shard=moe/],
    [['ranks=8', 'shard=moe,attention'], /heads=4/, /fewer ranks/],
    [['ranks=1,2', 'stages=2'], /not both at once/, /Vary one/],
    [['ranks=2', 'level=disabled,all'], /level does not go together with ranks/, /Leave level out/],
    [['stages=2,4'], /2 layers cannot be cut into 4 pipeline stages/, /at most 2/],
  ])('refuses %s', async (variations, message, hint) => {
    const error = await failure(compared([model], variations));
    expect(error).toMatchObject({ code: 'usage' });
    expect((error as Error).message).toMatch(message);
    expect((error as { hint: string }).hint).toMatch(hint);
  });
});

describe('shards as files', () => {
  it('are whole models for another reader of ONNX', async () => {
    const code =
      'import glob, onnx, sys\nfor f in glob.glob(sys.argv[1] + "/rank*/*.onnx"):\n  onnx.checker.check_model(onnx.load(f), full_check=True)\n  print(f)';
    const checked = await pythonCode(code, dirname(shards));
    expect(checked.trim().split('\n')).toHaveLength(2 * 5);
  });

  it('show what the model shows', async () => {
    const comparison = await compared([shards, model], ['padding=left']);
    expect(comparison.variants.map(({ label }) => label)).toEqual([
      'shards.json, padding left, rank 0',
      'shards.json, padding left, rank 1',
      `${model}, padding left`,
    ]);
    expect(row(comparison, 0, 'attention')).toEqual(['30/35 0/35', '30/35 0/35', '30/35 0/35']);
    expect(row(comparison, null, 'logits')).toEqual(['35/35 0/35', '35/35 0/35', '35/35 0/35']);
    expect(comparison.dimensions).toEqual(['sharding']);
    expect(comparison.variants[0]?.facts.slice(1, 3).join('; ')).toMatch(/^weights 372\.4 kB; 4 all-reduces$/);
  });

  it('need the model beside them, and stay as they are', async () => {
    expect(await failure(compared([shards], ['padding=left,right']))).toMatchObject({
      code: 'usage',
      message: 'Shards are compared with the model that they are shards of, and none is named.',
    });
    expect(await failure(compared([model, shards], ['fix=none,unmask-rows']))).toMatchObject({ code: 'usage' });
  });

  it('are refused where the list leads out of its folder, or does not fit together', async () => {
    const list = JSON.parse(await readFile(shards, 'utf8')) as { ranks: string[][]; allReduce: string[] };
    const outside = join(folder, 'outside.onnx');
    await writeFile(outside, await readFile(join(folder, 'shards/rank0/part0.onnx')));
    await symlink(outside, join(folder, 'shards/link.onnx'));
    const refused = async (other: unknown, name = 'other.json'): Promise<unknown> => {
      const file = join(folder, 'shards', name);
      await writeFile(file, typeof other === 'string' ? other : JSON.stringify(other));
      return failure(compared([model, file], []));
    };
    const [first = [], second = []] = list.ranks;
    const escaping = { code: 'external-data-escapes' };
    expect(await refused({ ...list, ranks: [['link.onnx', ...first.slice(1)], second] })).toMatchObject(escaping);
    expect(await refused({ ...list, ranks: [['../outside.onnx', ...first.slice(1)], second] })).toMatchObject(escaping);
    expect(await refused({ ...list, ranks: [[outside, ...first.slice(1)], second] })).toMatchObject(escaping);
    expect(await refused({ ...list, ranks: [first, second.slice(1)] })).toMatchObject({ code: 'bad-input' });
    expect(await refused({ ...list, allReduce: [...list.allReduce, 'nothing'] })).toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('"nothing" is in allReduce') as string,
    });
    expect(await refused({ ...list, ranks: [['missing.onnx', ...first.slice(1)], second] })).toMatchObject({
      code: 'file-not-found',
    });
  });

  it('that are not summed show it', async () => {
    const list = JSON.parse(await readFile(shards, 'utf8')) as { ranks: string[][]; allReduce: string[] };
    const file = join(folder, 'shards', 'alone.json');
    await writeFile(file, JSON.stringify({ ...list, allReduce: list.allReduce.slice(1) }));
    const { variants } = await compared([model, file], []);
    expect(Number(variants[1]?.difference)).toBeGreaterThan(1e-2);
  });
});
