/** NaN that a fused attention kernel makes gets its mechanism from the operator written out. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clone, create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, NodeProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../../src/app/diagnose';
import type { Engine } from '../../../src/app/ports';
import { writeNpz } from '../../../src/core/batch/npz';
import { diagnosedModel, realDeps } from '../../support/diagnosing';
import { lowest, matrix, scalar, vector } from '../../support/tinyAttention';
import { withFolder } from '../../unit/onnx/support';
import { float, fusedModel, heads, mhaBias, mhaKeys, named, padded, standard } from './support';

const fixes = { fixes: false };
const mha = '/layers.0/self_attn/MultiHeadAttention';
const attention = '/layers.0/self_attn/Attention';
const expanded = (node: string, op: string) => [{ node, op, body: 'expanded', iteration: null }];
/** Scores that leave the range of float32. */
const huge = { before: [named('before', 'Mul', ['x', 'huge'], 'before')], initializer: [scalar('huge', 1e20)] };

describe('births inside fused attention', () => {
  it('attention bias of −inf: a fully masked row, with what masked each key', async () => {
    const report = await diagnosedModel(fusedModel([mhaBias]), padded(3), fixes);
    expect(report.origins).toMatchObject([
      {
        tensor: 'a0',
        node: mha,
        op: 'MultiHeadAttention',
        layer: 0,
        stage: 'attention',
        mechanism: 'fully-masked-row',
        positions: ['0-1', ''],
        evidence: {
          inside: expanded(mha, 'MultiHeadAttention'),
          row: { sample: 0, position: 0, keys: 5, negInf: 5, cells: 'pbccc', parts: { causal: ['earlier'] } },
        },
      },
    ]);
    expect(report.origins[0]?.explanation).toMatch(/removes all 5 keys.*written out in plain operators/s);
  });

  it('a filter value of −inf in a key padding mask, where every key is masked', async () => {
    const filter = float('mask_filter_value', -Infinity);
    const all = { ...mhaKeys(filter), attributes: [heads, filter] };
    const report = await diagnosedModel(fusedModel([all]), padded(0), fixes);
    expect(report.origins).toMatchObject([
      { node: mha, mechanism: 'fully-masked-row', positions: ['0-4', ''], evidence: { row: { cells: 'ppppp' } } },
    ]);
    // With order the later keys get a finite number: no NaN, whatever the filter.
    expect((await diagnosedModel(fusedModel([mhaKeys(filter)]), padded(3), fixes)).origins).toEqual([]);
  });

  it('the engine’s own Attention, which projects first', async () => {
    const weights = Array.from({ length: 48 }, (_, i) => 0.05 * ((i % 7) - 3));
    const layer = {
      op: 'Attention' as const,
      domain: 'com.microsoft',
      inputs: ['q', 'packed', 'packedBias', 'realKeys'],
      attributes: [heads, float('mask_filter_value', -Infinity)],
    };
    const initializer = [matrix('packed', [4, 12], ...weights), vector('packedBias', ...weights.slice(0, 12))];
    const report = await diagnosedModel(fusedModel([layer], { initializer }), padded(0), fixes);
    expect(report.origins).toMatchObject([
      {
        node: attention,
        op: 'Attention',
        mechanism: 'fully-masked-row',
        positions: ['0-4', ''],
        evidence: { inside: expanded(attention, 'Attention') },
      },
    ]);
  });

  it('scores that overflow are not a masked row', async () => {
    const open = { ...mhaBias, inputs: ['q', 'k', 'v'] };
    const report = await diagnosedModel(fusedModel([open], huge), padded(5), fixes);
    expect(report.origins).toMatchObject([{ node: mha, mechanism: 'score-overflow', positions: ['0-4', '0-4'] }]);
  });

  it('two mechanisms in one node are two origins: +inf scores meet −inf of the mask but in the last row', async () => {
    const report = await diagnosedModel(fusedModel([mhaBias], huge), padded(5), fixes);
    expect(report.origins).toMatchObject([
      { node: mha, mechanism: 'inf-minus-inf', positions: ['0-3', '0-3'] },
      { node: mha, mechanism: 'score-overflow', positions: ['4', '4'] },
    ]);
  });

  it('masks that add up past the lowest value', async () => {
    const layer = { ...mhaBias, inputs: ['q', 'k', 'v', '', '', 'twice'] };
    const after = [named('mask/Add', 'Add', ['bias', 'bias'], 'twice')];
    const report = await diagnosedModel(fusedModel([layer], { fill: lowest, after }), padded(3), fixes);
    expect(report.origins).toMatchObject([{ node: mha, mechanism: 'mask-overflow', positions: ['0-1', ''] }]);
  });

  it('rows that the kernel makes zeros are no birth, and do not hide what the others are', async () => {
    const report = await diagnosedModel(fusedModel([standard('bias')], huge), padded(3), fixes);
    expect(report.origins.map(({ node, mechanism, positions }) => ({ node, mechanism, positions }))).toEqual([
      // Rows 0 and 1 of sample 0 are masked throughout: zeros. Key 0 is masked in all rows of that sample.
      { node: attention, mechanism: 'inf-minus-inf', positions: ['2-4', '0-3'] },
      { node: attention, mechanism: 'score-overflow', positions: ['', '4'] },
    ]);
    expect((await diagnosedModel(fusedModel([standard('allowed')]), padded(3), fixes)).origins).toEqual([]);
  });

  it('what cannot be written out stays at the node, and says why', async () => {
    const base = standard('bias');
    const layer = { ...base, attributes: [...(base.attributes ?? []), float('softcap', 2)] };
    const report = await diagnosedModel(fusedModel([layer], huge), padded(5), fixes);
    for (const origin of report.origins) {
      expect(origin).toMatchObject({ node: attention, mechanism: 'unknown' });
      expect(origin.evidence.notLocated).toMatch(/caps its scores/);
    }
  });

  it('any number of them is looked at in one go', async () => {
    /** The same node again and again. */
    const many = (count: number) => {
      const made = fusedModel([mhaBias]);
      const graph = made.graph;
      const index = graph?.node.findIndex(({ opType }) => opType === 'MultiHeadAttention') ?? -1;
      const first = graph?.node[index];
      if (!graph || !first) throw new Error('there is one');
      const copies = Array.from({ length: count }, (_, i) => {
        const copy = clone(NodeProtoSchema, first);
        copy.name = `/layers.${String(i)}/self_attn/MultiHeadAttention`;
        copy.output = [`a${String(i)}`];
        return copy;
      });
      const sum = create(NodeProtoSchema, {
        opType: 'Sum',
        name: 'sum',
        input: ['x', ...copies.map((copy) => copy.output[0] ?? '')],
        output: ['y'],
      });
      graph.node = [...graph.node.slice(0, index), ...copies, sum];
      return made;
    };
    const sessions = async (count: number) => {
      const { engine, files } = await realDeps();
      let created = 0;
      const counting: Engine = {
        start: (signal) => {
          const job = engine.start(signal);
          return {
            version: () => job.version(),
            createSession: (bytes, options) => {
              created += 1;
              return job.createSession(bytes, options);
            },
            run: (request) => job.run(request),
            release: (session) => job.release(session),
            drop: (handles) => job.drop(handles),
            peakMemory: () => job.peakMemory(),
            ended: () => job.ended(),
            close: () => job.close(),
          };
        },
      };
      return withFolder(async (folder) => {
        await writeFile(join(folder, 'm.onnx'), toBinary(ModelProtoSchema, many(count)));
        await writeFile(join(folder, 'm.npz'), writeNpz(padded(3)));
        const request = { model: join(folder, 'm.onnx'), inputsFile: join(folder, 'm.npz'), userLevel: 'all' } as const;
        const { origins } = await diagnose({ engine: counting, files }, { ...request, ...fixes }, {});
        return { origins, created };
      });
    };
    const [few, lots] = [await sessions(2), await sessions(20)];
    expect(lots.created).toBe(few.created);
    expect(lots.origins).toHaveLength(20);
    for (const origin of lots.origins)
      expect(origin).toMatchObject({ mechanism: 'fully-masked-row', positions: ['0-1', ''] });
    expect(new Set(lots.origins.map(({ node }) => node)).size).toBe(20);
  });
});
