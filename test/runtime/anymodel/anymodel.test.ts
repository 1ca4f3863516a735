/**
 * Models of many shapes, exported by plain PyTorch: births, positions, roles and table rows against what PyTorch
 * itself computes (hooks on every module) and against rows of the mask without a visible key.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { python } from '../../support/python';
import { diagnoseFile, positionsIn } from './diagnose';

interface Truth {
  /** NaN positions per sample of what each module returns. */
  readonly modules: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly logits: readonly (readonly number[])[];
  /** Query rows without a visible key, per sample. */
  readonly emptyRows: readonly (readonly number[])[];
  readonly roles: readonly string[];
  readonly memory: readonly string[] | null;
}

/** Which softmaxes bear NaN: with additive masks the first, with chosen (Where) masks each anew. */
type Births = 'first layer' | 'every layer' | 'elsewhere';

const births: Readonly<Record<string, Births>> = {
  plain: 'first layer',
  bmm: 'first layer',
  einsum: 'first layer',
  'einsum-kq': 'first layer',
  transposed: 'first layer',
  equal_sizes: 'first layer',
  one_sample: 'first layer',
  one_position: 'first layer',
  both_sides: 'first layer',
  fixed: 'first layer',
  sequence_first: 'first layer',
  sequence_first_batch_mask: 'first layer',
  inverted_m: 'first layer',
  bool_mask: 'every layer',
  bool_pad_mask: 'every layer',
  float_mask_where: 'first layer',
  float_mask_times_inf: 'elsewhere',
  additive_input: 'first layer',
  mask_4d: 'first layer',
  mask_4d_keys: 'first layer',
  mask_3d: 'every layer',
  causal_input: 'first layer',
  causal_input_fixed: 'first layer',
  pad_id_0: 'first layer',
  pad_id_1: 'first layer',
  pad_id_7: 'first layer',
  two_masks: 'first layer',
  two_mask_inputs: 'first layer',
  bidirectional: 'first layer',
  routed: 'first layer',
  gpt2: 'first layer',
  blocks: 'first layer',
  nameless: 'first layer',
  encoder_decoder: 'elsewhere',
  t5: 'elsewhere',
  encoder_decoder_silent_names: 'elsewhere',
};

let folder = '';
let truths: Readonly<Record<string, Truth>> = {};
const reports = new Map<string, Promise<Report>>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-anymodel-'));
  await python(['-W', 'ignore', fileURLToPath(new URL('models.py', import.meta.url)), folder]);
  truths = JSON.parse(await readFile(join(folder, 'truth.json'), 'utf8')) as Record<string, Truth>;
}, 180_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function seen(name: string): Promise<{ report: Report; truth: Truth }> {
  const truth = truths[name];
  if (!truth) throw new Error(`models.py has no ${name}`);
  let report = reports.get(name);
  if (!report) {
    report = diagnoseFile(join(folder, `${name}.onnx`), { inputsFile: join(folder, `${name}.npz`) });
    reports.set(name, report);
  }
  return { report: await report, truth };
}

const asPositions = (ranges: readonly string[] | null): number[][] | null => ranges?.map(positionsIn) ?? null;

/** Modules of the source that the table must show, and where their row is. */
function rowsIn(report: Report): Record<string, number[][] | string> {
  const rows = report.table.filter((row) => row.port === 'out' && row.node !== null);
  return Object.fromEntries(
    rows.map((row) => [row.label, row.samples ? row.samples.map((sample) => positionsIn(sample.nanAt)) : 'whole']),
  );
}

const inner = /\.(q|k|v|o|up|down|experts\.\d+|router)$/;
// Wholes without a stage of their own: a whole stack, T5's sublayers.
const stageless = /^(encoder|decoder)$|\.layer\.\d+$/;
// The source and the target go through one embedding; its row shows one of them.
const twice = /^shared$/;

/** What the modules of a layer are called in models.py. */
const submodules: Readonly<Record<string, string>> = {
  'attn-norm': '.input_layernorm',
  attention: '.self_attn',
  'mlp-norm': '.post_attention_layernorm',
  mlp: '.mlp',
  layer: '',
};

it('every case of models.py is tested', () => {
  expect(Object.keys(truths).sort()).toEqual(Object.keys(births).sort());
});

describe.each(Object.keys(births))('%s', (name) => {
  it('NaN positions of the output', async () => {
    const { report, truth } = await seen(name);
    expect(asPositions(report.outputs[0]?.nanAt ?? null)).toEqual(truth.logits);
  });

  it('roles', async () => {
    const { report, truth } = await seen(name);
    expect(report.batch.roles, report.batch.rolesFrom).toEqual(truth.roles);
    expect(report.batch.memory?.roles ?? null).toEqual(truth.memory);
  });

  it('a row per module with its NaN positions', async () => {
    const { report, truth } = await seen(name);
    const shown = rowsIn(report);
    const wanted = Object.entries(truth.modules).filter(
      ([module]) => ![inner, twice, stageless].some((one) => one.test(module)),
    );
    if (name === 'nameless') {
      // No name says anything: layers and stages come from structure, and are those of the modules.
      const rows = report.table.filter((row) => row.port === 'out' && row.layer !== null);
      const places = rows.map((row) => [
        `layers.${String(row.layer)}${submodules[row.stage] ?? `.${row.stage}`}`,
        row.samples?.map((sample) => positionsIn(sample.nanAt)),
      ]);
      expect(Object.fromEntries(places)).toEqual(
        Object.fromEntries(wanted.filter(([module]) => module.startsWith('layers.'))),
      );
      return;
    }
    const compared = Object.fromEntries(wanted.map(([module]) => [module, shown[module] ?? 'no row']));
    expect(compared).toEqual(Object.fromEntries(wanted));
  });
});

// The others are born elsewhere (0 × inf in a float mask), or in more than one sequence.
describe.each(Object.keys(births).filter((name) => births[name] !== 'elsewhere'))('%s', (name) => {
  it('born in the softmax, at the rows without a visible key', async () => {
    const { report, truth } = await seen(name);
    const found = report.origins.map((origin) => [origin.op, origin.mechanism, asPositions(origin.positions)]);
    const layers = births[name] === 'every layer' ? 2 : 1;
    expect(found).toEqual(Array.from({ length: layers }, () => ['Softmax', 'fully-masked-row', truth.emptyRows]));
    expect(report.origins.map((origin) => origin.layer)).toEqual([0, 1].slice(0, layers));
  });
});

describe('what the person says about the mask', () => {
  const asking = (name: string, mask: string): Promise<Report> =>
    diagnoseFile(join(folder, `${name}.onnx`), { inputsFile: join(folder, `${name}.npz`), mask });

  it('wins over what the graph does', async () => {
    const { batch } = await asking('plain', 'attention_mask:inverted');
    expect(batch.roles).toEqual(['rrrpp', 'ppppp']);
    expect(batch.rolesFrom).toContain('as asked');
    expect((await asking('inverted_m', 'm:inverted')).batch.roles).toEqual(truths.inverted_m?.roles);
    expect((await asking('additive_input', 'attention_bias')).batch.roles).toEqual(truths.additive_input?.roles);
  });

  it('an input that is not there, or that says nothing of any sample, is refused', async () => {
    await expect(asking('plain', 'mask')).rejects.toMatchObject({ code: 'mask-missing' });
    await expect(asking('causal_input', 'causal_mask')).rejects.toMatchObject({ code: 'mask-missing' });
  });
});
