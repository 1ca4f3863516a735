/** The built-in model against an independent PyTorch forward pass, and the NaN pattern that PyTorch measured. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBatch } from '../../../src/core/batch/make';
import { readNpz, writeNpz } from '../../../src/core/batch/npz';
import type { Batch, InputSpec, PadSide } from '../../../src/core/batch/types';
import { buildModel, serializeModel } from '../../../src/core/models';
import { python, pythonCode } from '../../support/python';
import { nanPositions, runOnnx } from './onnx';
import type { Fetched } from './onnx';

const reference = fileURLToPath(new URL('../../fixtures/builtin/kimi_k2_mini_torch.py', import.meta.url));
const specs: readonly InputSpec[] = ['input_ids', 'attention_mask'].map((name) => ({
  name,
  dtype: 'int64',
  dims: ['batch', 'sequence'],
}));

interface Case {
  readonly uri: string;
  readonly lengths: readonly number[];
  readonly pad: PadSide;
  readonly heads: number;
}

const attentions = ['eager-add', 'eager-where', 'finfo-min'] as const;
const paddings: readonly (readonly [PadSide, readonly number[]])[] = [
  ['left', [5, 35]],
  ['right', [5, 35]],
  ['none', [12, 12]],
];
const sixtyOne: Case = { uri: 'builtin:kimi-k2-mini?layers=61', lengths: [5, 35], pad: 'left', heads: 4 };
const variants: readonly Case[] = attentions.flatMap((attention) =>
  paddings.map(([pad, lengths]) => ({ uri: `builtin:kimi-k2-mini?attention=${attention}`, lengths, pad, heads: 4 })),
);
const sizes: readonly Case[] = [
  { uri: 'builtin:kimi-k2-mini?layers=2&hidden=96&heads=6&experts=5&seed=9', heads: 6 },
  { uri: 'builtin:kimi-k2-mini?layers=3&hidden=32&heads=1&experts=1&seed=4294967295', heads: 1 },
  { uri: 'builtin:kimi-k2-mini?layers=1&hidden=16&heads=16', heads: 16 },
].map((size) => ({ ...size, lengths: [3, 20, 11], pad: 'left' }));
const nameOf = ({ uri, lengths, pad }: Case): string => `${uri}, ${lengths.join(' and ')}, padding: ${pad}`;

let folder = '';
const compared = new Map<string, Compared>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-kimi-'));
  const cases = [...variants, ...sizes, sixtyOne].map((one, i) => prepare(one, join(folder, `case${String(i)}`)));
  const args: string[] = [];
  for (const { files, model, batch, one } of cases) {
    await writeFile(files.model, model);
    await writeFile(files.inputs, writeNpz(batch.inputs));
    const attention = /attention=([\w-]+)/.exec(one.uri)?.[1] ?? 'eager-add';
    args.push(files.model, files.inputs, files.out, String(one.heads), attention);
  }
  await python([reference, ...args]);
  for (const prepared of cases) {
    compared.set(nameOf(prepared.one), await compare(prepared));
  }
}, 180_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function result(one: Case): Compared {
  const found = compared.get(nameOf(one));
  if (found === undefined) throw new Error(`${nameOf(one)} was not run`);
  return found;
}

interface Prepared {
  readonly one: Case;
  readonly files: { readonly model: string; readonly inputs: string; readonly out: string };
  readonly model: Uint8Array;
  readonly batch: Batch;
}

function prepare(one: Case, stem: string): Prepared {
  return {
    one,
    files: { model: `${stem}.onnx`, inputs: `${stem}.inputs.npz`, out: `${stem}.out.npz` },
    model: serializeModel(buildModel(one.uri).proto),
    batch: makeBatch(specs, { lengths: one.lengths, pad: one.pad, seed: 7 }, { idBounds: { input_ids: 256 } }),
  };
}

/** The tensor of every module of the reference, where the built-in graph computes it. */
function tensorOf(module: string): string {
  if (module === 'logits') return 'logits';
  const path = `/${module.replace(/^model\./, 'model/').replace(/(layers\.\d+)\./, '$1/')}`;
  if (module.endsWith('embed_tokens')) return `${path}/Gather_output_0`;
  if (module.endsWith('norm')) return `${path}/Mul_1_output_0`;
  if (module.endsWith('self_attn')) return `${path}/o_proj/MatMul_output_0`;
  if (module.endsWith('layers.0.mlp')) return `${path}/down_proj/MatMul_output_0`;
  if (module.endsWith('mlp')) return '';
  return `${path}/Add_1_output_0`;
}

interface Compared {
  readonly onnx: ReadonlyMap<string, Fetched>;
  /** Largest absolute difference where both are numbers. */
  readonly worst: number;
  /** Tensors in which one side has NaN where the other has none. */
  readonly nanDiffers: readonly string[];
}

async function compare({ files, model, batch }: Prepared): Promise<Compared> {
  const expected = readNpz('out.npz', await readFile(files.out));
  const pairs = Object.entries(expected).flatMap(([module, tensor]) => {
    const name = tensorOf(module);
    return name === '' ? [] : [{ name, tensor }];
  });
  const onnx = await runOnnx(
    model,
    batch.inputs,
    pairs.map(({ name }) => name),
  );
  let worst = 0;
  const nanDiffers: string[] = [];
  for (const { name, tensor } of pairs) {
    const got = onnx.get(name);
    expect(got?.dims, name).toEqual(tensor.dims);
    got?.data.forEach((value, i) => {
      const want = Number(tensor.data[i]);
      if (Number.isNaN(value) !== Number.isNaN(want)) {
        if (!nanDiffers.includes(name)) nanDiffers.push(name);
      } else if (!Number.isNaN(value)) {
        worst = Math.max(worst, Math.abs(value - want));
      }
    });
  }
  return { onnx, worst, nanDiffers };
}

describe('kimi-k2-mini computes what PyTorch computes', () => {
  it.each([...variants, ...sizes].map((one) => [nameOf(one), one] as const))('%s', (_, one) => {
    const { worst, nanDiffers } = result(one);
    expect(nanDiffers).toEqual([]);
    expect(worst).toBeGreaterThan(0); // two implementations, not one twice
    expect(worst).toBeLessThan(1e-4);
  });
});

describe('the NaN pattern of a left padded batch of 5 and 35', () => {
  const variant = (attention: string, pad: PadSide): Case => {
    const found = variants.find((one) => one.uri.endsWith(attention) && one.pad === pad);
    if (found === undefined) throw new Error('no such variant');
    return found;
  };
  const sites = (layers: number): Record<string, number[]> => ({
    '/model/embed_tokens/Gather_output_0': [0, 0],
    '/model/layers.0/input_layernorm/Mul_1_output_0': [0, 0],
    '/model/layers.0/self_attn/o_proj/MatMul_output_0': [30, 0],
    '/model/layers.0/Add_1_output_0': [30, 0],
    '/model/layers.1/input_layernorm/Mul_1_output_0': [30, 0],
    '/model/layers.1/self_attn/o_proj/MatMul_output_0': [35, 0],
    [`/model/layers.${String(layers - 1)}/Add_1_output_0`]: [35, 0],
    logits: [35, 0],
  });

  it.each(['eager-add', 'eager-where'])('%s: born in layer 0 at pads, everywhere from layer 1 on', (attention) => {
    const { onnx } = result(variant(attention, 'left'));
    for (const [name, expected] of Object.entries(sites(4))) {
      expect(nanPositions(onnx.get(name) ?? { dims: [], data: new Float32Array() }), name).toEqual(expected);
    }
  });

  it('finfo-min has none, and right padding has none', () => {
    for (const { onnx } of [result(variant('finfo-min', 'left')), result(variant('eager-add', 'right'))]) {
      for (const [name, tensor] of onnx) {
        expect(nanPositions(tensor), name).toEqual([0, 0]);
      }
    }
  });

  it('61 layers: the same, with hidden states that stay of ordinary size', () => {
    const { onnx, worst, nanDiffers } = result(sixtyOne);
    expect(nanDiffers).toEqual([]);
    expect(worst).toBeLessThan(1e-4);
    for (const [name, expected] of Object.entries(sites(61))) {
      expect(nanPositions(onnx.get(name) ?? { dims: [], data: new Float32Array() }), name).toEqual(expected);
    }
    const last = onnx.get('/model/layers.60/Add_1_output_0')?.data ?? new Float32Array();
    const largest = last.reduce((max, x) => (Number.isNaN(x) ? max : Math.max(max, Math.abs(x))), 0);
    expect(largest).toBeGreaterThan(0.5);
    expect(largest).toBeLessThan(100);
  });
});

describe('an independent ONNX checker', () => {
  it.each(attentions)('accepts the model with %s, shapes inferred throughout', async (attention) => {
    const file = join(folder, `${attention}.onnx`);
    await writeFile(file, serializeModel(buildModel(`builtin:kimi-k2-mini?attention=${attention}`).proto));
    const text = await pythonCode(
      `
import sys, onnx
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
known = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred.graph.value_info}
wanted = [o for n in model.graph.node for o in n.output if o != 'logits']
print([o for o in wanted if o not in known or None in known[o] or 0 in known[o]])
print(known['/model/layers.3/self_attn/Softmax_output_0'], known['/model/layers.3/Add_1_output_0'])
`,
      file,
    );
    expect(text.split('\n')[0]).toBe('[]');
    expect(text.split('\n')[1]).toBe("['batch', 4, 'sequence', 'sequence'] ['batch', 'sequence', 64]");
  });
});
