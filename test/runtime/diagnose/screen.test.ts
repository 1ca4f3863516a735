/** What the screen tells without a probe is what a probe on every value says, and no sum is taken for an element. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/app/measure/measure';
import { planOf, screen } from '../../../src/app/measure/screen';
import { axesOfInputs, makeFeeds, openSubject } from '../../../src/app/subject';
import { createEngine } from '../../../src/runtime/client/engine';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { writeNpz } from '../../../src/core/batch/npz';
import { NAN } from '../../../src/core/trace/health';
import { diagnosedModel, fixture } from '../../support/diagnosing';
import { workerBundle } from '../../support/workerBundle';
import { encodeModel, floats, model, node, value } from '../../unit/onnx/support';

type Positions = Readonly<Record<string, readonly number[]>>;

/** NaN cells of every value, by a plan that probes all values or few. */
async function flagsBy(
  name: string,
  inputsFile?: string,
): Promise<{ told: Positions; probed: Positions; few: number; all: number }> {
  const job = createEngine({ workerPath: await workerBundle() }).start();
  try {
    const subject = await openSubject(nodeFiles, name);
    const batch = await makeFeeds(
      nodeFiles,
      subject,
      inputsFile === undefined ? { lengths: { lengths: [5, 9], pad: 'left', seed: 1 } } : { inputsFile },
      {},
    );
    const { graph, loaded } = subject;
    const target = { graph, inputs: batch.inputs, externalDataFolder: loaded.externalDataFolder };
    const prepared = await prepare(job, target, axesOfInputs(subject, batch));
    const plans = [planOf(prepared, 0), planOf(prepared, Infinity)] as const;
    const by = async (plan: (typeof plans)[number]): Promise<Positions> => {
      const { flagsOf } = await screen(job, prepared, plan);
      return Object.fromEntries(
        [...graph.producer.keys()].map((own) => [own, [...(flagsOf(own)?.bits ?? [])].map((bit) => bit & NAN)]),
      );
    };
    const [few, all] = plans.map((plan) => plan.values.length);
    return { told: await by(plans[0]), probed: await by(plans[1]), few: few ?? 0, all: all ?? 0 };
  } finally {
    await job.close();
  }
}

describe('values that are not probed', () => {
  it.each<[string, string?]>([
    ['builtin:kimi-k2-mini?layers=3'],
    ['builtin:kimi-k2-mini?layers=3&attention=eager-where'],
    ['builtin:kimi-k2-mini?layers=2&attention=finfo-min'],
    ...[
      'a1_mla_leftpad_inf_add_op13',
      'b1_bert_one_empty_sample_op14',
      'c1_log_negative_ffn_op13',
      'c2_norm_eps0_zero_vector_op17',
      'c7_nan_weight_embedding_row_op13',
    ].map((name) => [fixture(`${name}.onnx`), fixture(`${name}.inputs.npz`)] satisfies [string, string]),
  ])('%s', async (name, inputsFile) => {
    const { told, probed, few, all } = await flagsBy(name, inputsFile);
    expect(told).toEqual(probed);
    expect(few).toBeLessThan(all / 4);
  });
});

it('+Inf and −Inf in a row that reads NaN at the same position are not NaN', async () => {
  // No row-sum of +Inf gives it away. d is NaN, +Inf and −Inf at position 1; what is guarded keeps both infinities, and its row-sum is NaN.
  const made = model({
    name: 'made',
    input: [value('x', ['batch', 'seq', 4])],
    output: [value('y', ['batch', 'seq', 4])],
    initializer: [floats('zero', Float32Array.of(0), []), floats('one', Float32Array.of(1), [])],
    node: [
      node('Div', ['x', 'zero'], ['d']),
      node('IsNaN', ['d'], ['sick']),
      node('Where', ['sick', 'one', 'd'], ['guarded']),
      node('Mul', ['guarded', 'one'], ['y']),
    ],
  });
  const data = Float32Array.of(-1, -2, -3, -4, 0, 1, -1, 0, -1, -1, -1, -1);
  const inputs = { x: { dtype: 'float32', dims: [1, 3, 4], data } } as const;
  const report = await diagnosedModel(made, inputs, { fixes: false });
  expect(report.outputs).toEqual([{ name: 'y', nanPositions: [0], of: 3, nanAt: [''] }]);
  expect(report.spread).toEqual([]);
  const y = report.table.find((row) => row.tensor === 'y');
  expect(y?.samples?.[0]).toMatchObject({ nan: 0, posInf: 1, negInf: 3 });
  const folder = await mkdtemp(join(tmpdir(), 'nanoscope-screen-'));
  try {
    await writeFile(join(folder, 'm.onnx'), encodeModel(made));
    await writeFile(join(folder, 'm.npz'), writeNpz(inputs));
    const { told, probed } = await flagsBy(join(folder, 'm.onnx'), join(folder, 'm.npz'));
    expect(told).toEqual(probed);
    expect(told).toMatchObject({ d: [0, 1, 0], guarded: [0, 0, 0], y: [0, 0, 0] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
