/** The same models with their fused attention left to the kernel, and written out on request. */
import { describe, expect, it } from 'vitest';
import { diagnosed, diagnosedModel } from '../../support/diagnosing';
import { float, fusedModel, mhaBias, padded, standard } from './support';

const fixes = { fixes: false };
const attention = '/layers.0/self_attn/Attention';

describe('attention written out on request', () => {
  it('is NaN where the kernel gives zeros, at a node inside', async () => {
    const proto = fusedModel([standard('allowed')]);
    const kernel = await diagnosedModel(proto, padded(3), fixes);
    expect(kernel.origins).toEqual([]);
    expect(kernel.outputs[0]?.nanAt).toEqual(['', '']);
    const written = await diagnosedModel(proto, padded(3), { expandAttention: true });
    expect(written.origins).toMatchObject([
      {
        node: `${attention}/expanded/Softmax`,
        op: 'Softmax',
        layer: 0,
        stage: 'attention',
        mechanism: 'fully-masked-row',
        positions: ['0-1', ''],
        evidence: { inside: [{ node: attention, op: 'Attention', body: 'expanded', iteration: null }] },
      },
    ]);
    expect(written.outputs[0]?.nanAt).toEqual(['0-1', '']);
    expect(written.fixes).toBeUndefined();
    expect(written.notes.join(' ')).toMatch(/1 fused attention node was written out.*not what the engine's kernels/);
    expect(written.model.attention).toMatchObject([{ layer: 0, kind: 'eager' }]);
  });

  it('names what stays fused, and why', async () => {
    const capped = {
      ...standard('allowed'),
      attributes: [...(standard('allowed').attributes ?? []), float('softcap', 2)],
    };
    const report = await diagnosedModel(fusedModel([standard('allowed'), capped]), padded(3), {
      ...fixes,
      expandAttention: true,
    });
    expect(report.notes.join(' ')).toContain('/layers.1/self_attn/Attention stayed fused: it caps its scores.');
    expect(report.model.attention.map(({ kind }) => kind)).toEqual(['eager', 'fused']);
  });

  it('agrees with the kernel where that gives NaN too', async () => {
    const proto = fusedModel([mhaBias, mhaBias]);
    const [kernel, written] = [
      await diagnosedModel(proto, padded(3), fixes),
      await diagnosedModel(proto, padded(3), { ...fixes, expandAttention: true }),
    ];
    expect(written.outputs).toEqual(kernel.outputs);
    expect(written.origins.map(({ mechanism, positions }) => ({ mechanism, positions }))).toEqual(
      kernel.origins.map(({ mechanism, positions }) => ({ mechanism, positions })),
    );
  });

  it('a built-in model with fused attention becomes its eager one', async () => {
    const lengths = { lengths: [2, 5], pad: 'left' as const, seed: 1 };
    const model = 'builtin:llama-mini?layers=2&attention=';
    const eager = await diagnosed({ model: `${model}eager-add`, lengths, ...fixes });
    const written = await diagnosed({ model: `${model}fused`, lengths, ...fixes, expandAttention: true });
    expect(written.outputs).toEqual(eager.outputs);
    expect(written.origins.map(({ layer, mechanism, positions }) => ({ layer, mechanism, positions }))).toEqual(
      eager.origins.map(({ layer, mechanism, positions }) => ({ layer, mechanism, positions })),
    );
  });
});
