/** Broken, hostile and unusual models through `node dist/cli.js`: one sentence, one hint, the right code, no leftovers. */
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clone, create, fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allGraphs, allTensors } from '../../src/core/onnx/allTensors';
import type { Report } from '../../src/core/report';
import { corpus } from '../fixtures/corrupt/corpus';
import { cliBundle, runProcess } from '../support/cliHarness';
import { failureSchema, reportSchema } from '../support/reportSchema';
import { hostileName, unsafe } from '../support/unsafeText';
import { distinct, encodeModel, floats, model, node, smallModel, value, writeExternal } from '../unit/onnx/support';

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures', 'pytorch');
const a1 = 'a1_mla_leftpad_inf_add_op13';

/** In the environment of everything that these tests start, so that what is left of it can be found. */
const mark = `NANOSCOPE_HOSTILE_TEST=${randomUUID()}`;
const env = Object.fromEntries([mark.split('=') as [string, string]]);

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope hostile '));
  await cliBundle();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  expect(leftovers()).toEqual([]);
});

const place = (): string => mkdtempSync(join(folder, 'w'));

function written(name: string, bytes: Uint8Array | string): string {
  const path = join(place(), name);
  writeFileSync(path, bytes);
  return path;
}

interface Refusal {
  readonly code: number | null;
  readonly error: string;
  readonly message: string;
  readonly hint: string;
}

/** Fails in words and as JSON, with the same code; what is said is one sentence and what to do. */
async function refusal(...args: string[]): Promise<Refusal> {
  const [words, json] = await Promise.all([
    runProcess(['diagnose', ...args], { cwd: folder, env }),
    runProcess(['diagnose', ...args, '--json'], { cwd: folder, env }),
  ]);
  expect(words.out).toBe('');
  expect(words.err).toMatch(/^nanoscope: \S[^]*\.\n {2}\S[^]*\n$/);
  expect(words.err).not.toMatch(/\n\s+at |Error:|undefined|\[object/);
  expect(words.err).not.toMatch(unsafe);
  expect(json.err).toBe('');
  expect(json.code).toBe(words.code);
  expect([2, 3]).toContain(json.code);
  const { code, message, hint } = failureSchema.parse(JSON.parse(json.out)).error;
  return { code: json.code, error: code, message, hint };
}

async function report(...args: string[]): Promise<{ code: number | null; report: Report }> {
  const { code, out, err } = await runProcess(['diagnose', ...args, '--json'], { cwd: folder, env });
  expect(err).toBe('');
  return { code, report: reportSchema.parse(JSON.parse(out)) as Report };
}

/** Processes that the tests started, or that those started. */
function leftovers(): string[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const own = /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0').includes(mark);
      return own ? [readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ')] : [];
    } catch {
      // It ended while the list was read, or it belongs to somebody else.
      return [];
    }
  });
}

describe('a broken model', () => {
  it.each(corpus.filter(({ bytes }) => bytes.length < 1_000_000))(
    '$what',
    async ({ bytes, code, message }) => {
      const refused = await refusal(written('model.onnx', bytes));
      // What the engine cannot run is no fault of the file.
      expect(refused).toMatchObject({ code: code.startsWith('unsupported-') ? 3 : 2, error: code });
      expect(refused.message).toMatch(message);
      expect(refused.hint).not.toBe('');
    },
    30_000,
  );

  it('external data that is missing, or lies outside the folder of the model', async () => {
    const home = place();
    const big = model({
      name: 'g',
      input: [value('x', ['batch', 4096])],
      output: [value('y', ['batch', 4096])],
      initializer: [floats('w', distinct(4096, 1))],
      node: [node('Add', ['x', 'w'], ['y'])],
    });
    const path = writeExternal(home, 'model.onnx', big, { dataFile: 'weights.bin' });
    rmSync(join(home, 'weights.bin'));
    expect(await refusal(path)).toMatchObject({ code: 2, error: 'external-data-missing' });
    for (const location of ['../../etc/passwd', '/etc/passwd']) {
      const proto = fromBinary(ModelProtoSchema, readFileSync(path));
      for (const entry of [...allTensors(proto)].flatMap((tensor) => tensor.externalData))
        if (entry.key === 'location') entry.value = location;
      expect(await refusal(written('model.onnx', encodeModel(proto)))).toMatchObject({
        code: 2,
        error: 'external-data-escapes',
      });
    }
  }, 30_000);

  it('an operator that does not exist', async () => {
    const own = model({
      name: 'g',
      input: [value('x', [2, 4])],
      output: [value('y', [2, 4])],
      node: [node('FrobnicateAttention', ['x'], ['y'])],
    });
    const refused = await refusal(written('model.onnx', encodeModel(own)));
    expect(refused.error).toBe('unsupported-op');
    expect(refused.message).toContain('FrobnicateAttention');
  }, 30_000);
});

describe('a wrong batch', () => {
  const fixture = join(fixtures, `${a1}.onnx`);

  it('inputs of a wrong shape', async () => {
    const refused = await refusal(
      fixture,
      '--inputs',
      written('in.json', '{"input_ids": [[[1, 2]]], "attention_mask": [[1, 1]]}'),
    );
    expect(refused.code).toBe(2);
    expect(refused.message).toContain('input_ids');
  }, 30_000);

  it('a mask that the model does not have', async () => {
    expect(await refusal(fixture, '--mask', 'nope')).toMatchObject({ code: 2, error: 'mask-missing' });
  }, 30_000);

  it('a pickled array', async () => {
    const header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".padEnd(117) + '\n';
    const bytes = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(header),
      Buffer.from('\x80\x04N.', 'latin1'),
    ]);
    const refused = await refusal(fixture, '--inputs', written('input_ids.npy', bytes));
    expect(refused.code).toBe(2);
    expect(refused.message + refused.hint).toMatch(/pickle|object/i);
  }, 30_000);
});

/** The model with every value called something hostile; what it computes is the same. */
function renamed(proto: ModelProto): ModelProto {
  const copy = clone(ModelProtoSchema, proto);
  const graph = copy.graph;
  if (!graph) throw new Error('a fixture without a graph');
  const given = new Set(graph.input.map(({ name }) => name));
  const to = (name: string): string => (name === '' || given.has(name) ? name : `${name}${hostileName}`);
  for (const tensor of graph.initializer) tensor.name = to(tensor.name);
  for (const entry of [...graph.output, ...graph.valueInfo]) entry.name = to(entry.name);
  for (const entry of graph.node) {
    entry.name = to(entry.name);
    entry.input = entry.input.map(to);
    entry.output = entry.output.map(to);
  }
  copy.metadataProps.push(create(StringStringEntryProtoSchema, { key: hostileName, value: hostileName }));
  return copy;
}

describe('names that hold HTML, quotes, newlines and right-to-left marks', () => {
  it('change nothing in the diagnosis and never reach the terminal as they are', async () => {
    const original = fromBinary(ModelProtoSchema, readFileSync(join(fixtures, `${a1}.onnx`)));
    const inputs = join(fixtures, `${a1}.inputs.npz`);
    const path = written('<b>"\u202e.onnx', encodeModel(renamed(original)));
    const usual = await report(join(fixtures, `${a1}.onnx`), '--inputs', inputs, '--no-fixes');
    const hostile = await report(path, '--inputs', inputs);
    expect(hostile.code).toBe(1);
    expect(hostile.report.origins.map(({ node: name, positions }) => [name, positions])).toEqual(
      usual.report.origins.map(({ node: name, positions }) => [`${name ?? ''}${hostileName}`, positions]),
    );
    expect(hostile.report.fixes?.filter(({ verdict }) => verdict === 'heals').length).toBeGreaterThan(0);
    for (const format of [[], ['--markdown']]) {
      const { code, out, err } = await runProcess(
        ['diagnose', path, '--inputs', inputs, '--no-fixes', '--all-rows', ...format],
        { cwd: folder, env },
      );
      expect({ code, err }).toEqual({ code: 1, err: '' });
      expect(out).not.toMatch(unsafe);
    }
  }, 60_000);
});

/** Messages hold element types as plain numbers. */
const [float32, bfloat16]: readonly [number, number] = [TensorProto_DataType.FLOAT, TensorProto_DataType.BFLOAT16];

/** The model computing in bfloat16: float32 weights cut to their upper half. */
function inBfloat16(proto: ModelProto): ModelProto {
  const copy = clone(ModelProtoSchema, proto);
  for (const tensor of allTensors(copy)) {
    if (tensor.dataType !== float32) continue;
    const bytes =
      tensor.rawData.length > 0
        ? Uint8Array.from(tensor.rawData)
        : new Uint8Array(Float32Array.from(tensor.floatData).buffer);
    const words = new Uint16Array(bytes.buffer);
    tensor.rawData = new Uint8Array(words.filter((_, i) => i % 2 === 1).buffer);
    tensor.floatData = [];
    tensor.dataType = bfloat16;
  }
  for (const graph of allGraphs(copy)) {
    for (const { type } of [...graph.input, ...graph.output, ...graph.valueInfo]) {
      if (type?.value.case === 'tensorType' && type.value.value.elemType === float32)
        type.value.value.elemType = bfloat16;
    }
    for (const cast of graph.node.filter(({ opType }) => opType === 'Cast'))
      for (const to of cast.attribute) if (to.i === BigInt(float32)) to.i = BigInt(bfloat16);
  }
  return copy;
}

describe('a bfloat16 model', () => {
  const home = (): { path: string; inputs: string } => {
    const folder = place();
    const original = fromBinary(ModelProtoSchema, readFileSync(join(fixtures, `${a1}.onnx`)));
    copyFileSync(join(fixtures, `${a1}.inputs.npz`), join(folder, 'inputs.npz'));
    writeFileSync(join(folder, 'inside.onnx'), encodeModel(inBfloat16(original)));
    return { path: join(folder, 'inside.onnx'), inputs: join(folder, 'inputs.npz') };
  };

  it('is refused with the flag that runs it', async () => {
    const refused = await refusal(home().path);
    expect(refused).toMatchObject({ code: 3, error: 'unsupported-type' });
    expect(refused.hint).toContain('--cast float32');
  }, 30_000);

  it('runs cast to float32, weights inside or beside it, and finds the same births', async () => {
    const { path, inputs } = home();
    const usual = await report(join(fixtures, `${a1}.onnx`), '--inputs', inputs, '--no-fixes');
    const beside = writeExternal(dirname(path), 'beside.onnx', fromBinary(ModelProtoSchema, readFileSync(path)));
    for (const file of [path, beside]) {
      const cast = await report(file, '--inputs', inputs, '--cast', 'float32');
      expect(cast.code).toBe(1);
      expect(cast.report.origins.map(({ node: name, mechanism, positions }) => [name, mechanism, positions])).toEqual(
        usual.report.origins.map(({ node: name, mechanism, positions }) => [name, mechanism, positions]),
      );
      expect(cast.report.outputs).toEqual(usual.report.outputs);
      expect(cast.report.notes.join(' ')).toMatch(/cast to float32.*rounding .* not reproduced/);
      expect(cast.report.fixes?.find(({ id }) => id === 'unmask-rows')?.verdict).toBe('heals');
    }
    expect(usual.report.notes.join(' ')).not.toContain('bfloat16');
  }, 60_000);

  it('takes no fix: that would be written into a model that is not the one which ran', async () => {
    expect((await refusal(home().path, '--cast', 'float32', '--apply', 'unmask-rows')).code).toBe(2);
  }, 30_000);

  it('leaves other models as they are', async () => {
    const path = written('small.onnx', encodeModel(smallModel()));
    const { code, report: plain } = await report(path, '--cast', 'float32', '--lengths', '2', '--no-fixes');
    expect(code).toBe(0);
    expect(plain.notes).toEqual([]);
  }, 30_000);
});
