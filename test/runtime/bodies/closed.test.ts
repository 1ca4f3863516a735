/** A fix that does not touch a local function leaves the functions of the file as they are. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FunctionProtoSchema, ModelProtoSchema, OperatorSetIdProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyFix } from '../../../src/app/fixes';
import { diagnosed, fixture, realDeps } from '../../support/diagnosing';
import { node } from '../../unit/onnx/support';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-closed-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const name = 'a1_mla_leftpad_inf_add_op13';
const inputsFile = fixture(`${name}.inputs.npz`);

/** The PyTorch export with every operator of one kind behind a local function that calls it. */
async function withFunction(op: string): Promise<string> {
  const model = fromBinary(ModelProtoSchema, await readFile(fixture(`${name}.onnx`)));
  const calls = (model.graph?.node ?? []).filter((entry) => entry.opType === op);
  expect(calls.length).toBeGreaterThan(0);
  for (const call of calls) {
    call.opType = `Local${op}`;
    call.domain = 'local';
  }
  model.irVersion = 8n;
  model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'local', version: 1n }));
  const inner = calls[0]?.input.map((_, i) => `in${String(i)}`) ?? [];
  const attributes = [...new Set(calls.flatMap((call) => call.attribute.map((attribute) => attribute.name)))];
  model.functions.push(
    create(FunctionProtoSchema, {
      name: `Local${op}`,
      domain: 'local',
      input: inner,
      output: ['out'],
      attribute: attributes,
      node: [
        node(op, inner, ['out'], {
          name: 'inner',
          attribute: attributes.map((attribute) => ({
            name: attribute,
            refAttrName: attribute,
            type: calls[0]?.attribute.find((entry) => entry.name === attribute)?.type ?? 0,
          })),
        }),
      ],
      opsetImport: model.opsetImport.filter((entry) => entry.domain === ''),
    }),
  );
  const file = join(folder, `${op}.onnx`);
  await writeFile(file, toBinary(ModelProtoSchema, model));
  return file;
}

async function fixed(model: string): Promise<string> {
  const out = model.replace(/\.onnx$/, '.fixed.onnx');
  await applyFix(
    await realDeps(),
    { model, inputsFile, userLevel: 'all', fixes: false, fixId: 'unmask-rows', out },
    {},
  );
  const after = await diagnosed({ model: out, inputsFile, fixes: false });
  expect(after.origins).toEqual([]);
  return out;
}
const shape = async (file: string): Promise<{ functions: string[]; calls: number }> => {
  const model = fromBinary(ModelProtoSchema, await readFile(file));
  return {
    functions: model.functions.map((fn) => fn.name),
    calls: model.graph?.node.filter((entry) => entry.domain === 'local').length ?? 0,
  };
};

describe('a fixed copy of a model with local functions', () => {
  it('keeps them where the fix is elsewhere', async () => {
    const file = await withFunction('Sigmoid');
    const before = await shape(file);
    const out = await fixed(file);
    expect(await shape(out)).toEqual(before);
    // All that the copy has more is what the fix brought.
    const nodes = async (path: string): Promise<readonly string[]> =>
      fromBinary(ModelProtoSchema, await readFile(path)).graph?.node.map((entry) => entry.name) ?? [];
    const own = await nodes(file);
    expect((await nodes(out)).filter((entry) => own.includes(entry))).toEqual(own);
  });

  it('keeps them where the softmax itself is in one, and the fix mends its mask', async () => {
    const file = await withFunction('Softmax');
    const found = await diagnosed({ model: file, inputsFile, fixes: false });
    expect(found.origins[0]).toMatchObject({ op: 'Softmax', mechanism: 'fully-masked-row', positions: ['0-29', ''] });
    expect(await shape(await fixed(file))).toEqual(await shape(file));
  });

  it('opens them where the fix has to change what is inside', async () => {
    const file = await withFunction('Add');
    expect((await shape(file)).calls).toBeGreaterThan(0);
    expect((await shape(await fixed(file))).calls).toBe(0);
  });
});
