/** The table of fixes that was measured with PyTorch, reproduced: which heal, which hide, which do nothing. */
import { beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../support/diagnosing';
import type { Patient } from '../../support/fixing';
import { fixNamed, outcome, patched, patient } from '../../support/fixing';

const batches = {
  'builtin:kimi-k2-mini': { model: 'builtin:kimi-k2-mini' },
  'a PyTorch export': {
    model: fixture('a1_mla_leftpad_inf_add_op13.onnx'),
    inputsFile: fixture('a1_mla_leftpad_inf_add_op13.inputs.npz'),
  },
};

describe.each(Object.entries(batches))('%s', (_, request) => {
  let who: Patient;
  beforeAll(async () => {
    who = await patient(request);
  });
  const tried = async (id: string) => {
    const plan = fixNamed(id).plan(who.context);
    if (!plan.applies) throw new Error(`${id} declines: ${plan.reason}`);
    return outcome(who, patched(who.proto, plan));
  };

  it('without a fix every position of the padded sample is NaN', async () => {
    expect(await outcome(who, who.proto)).toMatchObject({ nan: [35, 0], realNaN: 5 });
  });

  it.each(['unmask-rows', 'unmask-self', 'zero-masked-rows', 'nan-to-num-softmax', 'zero-pad-attention-output'])(
    '%s heals',
    async (id) => {
      const { nan, difference } = await tried(id);
      expect(nan).toEqual([0, 0]);
      expect(difference).toBeLessThanOrEqual(1e-4);
    },
  );

  it('zero-pad-hidden leaves NaN at 30 pad positions', async () => {
    const { nan, realNaN, difference } = await tried('zero-pad-hidden');
    expect({ nan, realNaN }).toEqual({ nan: [30, 0], realNaN: 0 });
    expect(difference).toBeLessThanOrEqual(1e-4);
  });

  it('multiply-by-mask changes nothing', async () => {
    expect(await tried('multiply-by-mask')).toMatchObject({ nan: [35, 0], realNaN: 5 });
  });

  it.each(['nan-to-num-logits', 'drop-padding-mask'])('%s hides', async (id) => {
    const { nan, difference } = await tried(id);
    expect(nan).toEqual([0, 0]);
    // Of the order that was measured with PyTorch: 3.7 and 5.4.
    expect(difference).toBeGreaterThan(2);
    expect(difference).toBeLessThan(8);
  });
});
