/** The engine takes slim models and what we write: outputs equal, bit for bit, to those of the user's own file. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { clone, create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, NodeProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { unzipSync } from 'fflate';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { applyToCopy } from '../../../src/app/apply/applyToCopy';
import { applyEdits, tagNode } from '../../../src/core/onnx/edit';
import type { LoadedModel } from '../../../src/core/onnx/load';
import { loadModel } from '../../../src/core/onnx/load';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { exportedModels, exportsFolder } from '../../unit/onnx/fixtures';
import {
  AttributeType,
  bigLength,
  distinct,
  encodeModel,
  model,
  node,
  floats,
  readWhole,
  value,
  withFolder,
  writeExternal,
} from '../../unit/onnx/support';
import type { GraphInit } from '../../unit/onnx/support';

type Feeds = Record<string, ort.Tensor>;
type Outputs = Record<string, Uint8Array>;

beforeAll(() => {
  process.env.ORT_DISABLE_TELEMETRY = '1';
});

const sessionOptions: ort.InferenceSession.SessionOptions = {
  graphOptimizationLevel: 'disabled',
  logSeverityLevel: 4,
  intraOpNumThreads: 1,
};

async function runAndRelease(session: ort.InferenceSession, feeds: Feeds): Promise<Outputs> {
  const results = await session.run(feeds);
  const outputs: Outputs = {};
  for (const [name, tensor] of Object.entries(results)) {
    const data = tensor.data;
    if (!ArrayBuffer.isView(data)) throw new Error('not a tensor of numbers');
    outputs[name] = Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  await session.release();
  return outputs;
}

const runPath = async (path: string, feeds: Feeds): Promise<Outputs> =>
  runAndRelease(await ort.InferenceSession.create(path, sessionOptions), feeds);

async function runSlim(loaded: LoadedModel, feeds: Feeds): Promise<Outputs> {
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, loaded.proto), {
    ...sessionOptions,
    extra: { session: { model_external_initializers_file_folder_path: loaded.externalDataFolder ?? '/' } },
  });
  return runAndRelease(session, feeds);
}

function expectEqual(a: Outputs, b: Outputs): void {
  expect(Object.keys(a)).toEqual(Object.keys(b));
  expect(Object.keys(a).length).toBeGreaterThan(0);
  for (const [name, bytes] of Object.entries(a)) {
    expect(Buffer.compare(bytes, b[name] ?? new Uint8Array(0)), name).toBe(0);
  }
}

/** The two element types of the inputs, read without the product's own reader. */
function npzFeeds(path: string): Feeds {
  const feeds: Feeds = {};
  for (const [entry, bytes] of Object.entries(unzipSync(readFileSync(path)))) {
    const headerEnd = 10 + (bytes[8] ?? 0) + 256 * (bytes[9] ?? 0);
    const header = Buffer.from(bytes.subarray(10, headerEnd)).toString('latin1');
    const descr = /'descr': '(.*?)'/.exec(header)?.[1];
    const dims = [...(/'shape': \((.*?)\)/.exec(header)?.[1]?.matchAll(/\d+/g) ?? [])].map(Number);
    const data = bytes.slice(headerEnd).buffer;
    const name = entry.replace(/\.npy$/, '');
    if (descr === '<i8') feeds[name] = new ort.Tensor('int64', new BigInt64Array(data), dims);
    else if (descr === '<f4') feeds[name] = new ort.Tensor('float32', new Float32Array(data), dims);
    else throw new Error(`dtype ${String(descr)} of ${name}`);
  }
  return feeds;
}

describe('PyTorch exports', () => {
  test.each(exportedModels)('%s: slim, copied, referenced and inside give the same bits', async (name) => {
    await withFolder(async (folder) => {
      const path = join(folder, name);
      writeFileSync(path, readFileSync(join(exportsFolder, name)));
      const feeds = npzFeeds(join(exportsFolder, name.replace(/onnx$/, 'inputs.npz')));
      const expected = await runPath(path, feeds);
      const loaded = await loadModel(path, { files }, 512);
      expect(loaded.weights.length).toBeGreaterThan(0);
      // Odd offsets are the rule in a protobuf.
      expect(loaded.weights.some((weight) => weight.offset % 4 !== 0)).toBe(true);
      expectEqual(await runSlim(loaded, feeds), expected);
      for (const weights of ['inside', 'reference', 'copy'] as const) {
        const out = join(folder, `${weights}.onnx`);
        const request = { loaded, proto: loaded.proto, fixId: 'none', edits: 0, version: '0' };
        await applyToCopy(files, { ...request, out, weights });
        expectEqual(await runPath(out, feeds), expected);
      }
    });
  });
});

/** Weights as initializers, in Constant nodes, in a body and in a function; sums of all of them. */
function everywhere(): ReturnType<typeof model> {
  const constant = (seed: number): NonNullable<GraphInit['node']>[number] =>
    node('Constant', [], [`c${String(seed)}`], {
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t: floats('', distinct(bigLength, seed)) }],
    });
  const branch = (name: string, seed: number): GraphInit => ({
    name,
    initializer: [floats(`${name}_w`, distinct(bigLength, seed))],
    node: [constant(seed + 10), node('Sum', ['x', `${name}_w`, `c${String(seed + 10)}`], [`${name}_out`])],
    output: [value(`${name}_out`, [bigLength])],
  });
  return model(
    {
      name: 'everywhere',
      input: [value('x', [bigLength]), value('flag', [], 9)],
      output: [value('y', [bigLength])],
      initializer: [
        floats('w', distinct(bigLength, 1)),
        { name: 'typed', dims: [BigInt(bigLength)], dataType: 1, floatData: [...distinct(bigLength, 2)] },
      ],
      node: [
        constant(3),
        node('If', ['flag'], ['b'], {
          attribute: [
            { name: 'then_branch', type: AttributeType.GRAPH, g: branch('then', 4) },
            { name: 'else_branch', type: AttributeType.GRAPH, g: branch('else', 5) },
          ],
        }),
        node('F', ['b'], ['f'], { domain: 'local' }),
        node('Sum', ['f', 'w', 'typed', 'c3'], ['y']),
      ],
    },
    {
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'local', version: 1n },
      ],
      functions: [
        {
          name: 'F',
          domain: 'local',
          input: ['a'],
          output: ['o'],
          opsetImport: [{ domain: '', version: 17n }],
          node: [constant(6), node('Mul', ['a', 'c6'], ['o'])],
        },
      ],
    },
  );
}

const everywhereFeeds = (flag: boolean): Feeds => ({
  x: new ort.Tensor('float32', distinct(bigLength, 99), [bigLength]),
  flag: new ort.Tensor('bool', Uint8Array.of(flag ? 1 : 0), []),
});

async function expectSameEverywhere(path: string, reference: string): Promise<LoadedModel> {
  const loaded = await loadModel(path, { files });
  for (const flag of [true, false]) {
    expectEqual(await runSlim(loaded, everywhereFeeds(flag)), await runPath(reference, everywhereFeeds(flag)));
  }
  return loaded;
}

describe('weights in all places', () => {
  test('stay in the file and reach the engine: Constant nodes, bodies and functions too', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'everywhere.onnx');
      writeFileSync(path, encodeModel(everywhere()));
      const loaded = await expectSameEverywhere(path, path);
      expect(loaded.weights.map((w) => w.tensor).sort()).toEqual(
        ['c14', 'c15', 'c3', 'c6', 'else_w', 'then_w', 'typed', 'w'].sort(),
      );
      expect(toBinary(ModelProtoSchema, loaded.proto).length).toBeLessThan(4000);
    });
  });

  test('external data of the user, at odd offsets, in a folder with an odd name', async () => {
    await withFolder(async (outer) => {
      const folder = join(outer, 'mödels "<b>" \u202e & co');
      mkdirSync(folder);
      const reference = join(folder, 'reference.onnx');
      writeFileSync(reference, encodeModel(everywhere()));
      const path = writeExternal(folder, 'model.onnx', everywhere(), { pad: 3, dataFile: 'wei ghts.bin' });
      const loaded = await expectSameEverywhere(path, reference);
      expect(loaded.weights.filter((w) => w.origin.kind === 'external').length).toBe(7);
      // And what is written next to it, referring to the same files, loads by its path.
      const request = { loaded, proto: loaded.proto, fixId: 'none', edits: 0, version: '0' };
      for (const weights of ['reference', 'copy', 'inside'] as const) {
        const { file } = await applyToCopy(files, { ...request, weights, out: join(folder, `out-${weights}.onnx`) });
        expectEqual(await runPath(file, everywhereFeeds(true)), await runPath(reference, everywhereFeeds(true)));
      }
    });
  });

  test('a model cache of links', async () => {
    await withFolder(async (folder) => {
      for (const name of ['blobs', 'snapshots']) mkdirSync(join(folder, name));
      const reference = join(folder, 'reference.onnx');
      writeFileSync(reference, encodeModel(everywhere()));
      writeExternal(join(folder, 'blobs'), 'abc', everywhere(), { dataFile: 'data' });
      symlinkSync('../blobs/abc', join(folder, 'snapshots', 'model.onnx'));
      symlinkSync('../blobs/data', join(folder, 'snapshots', 'data'));
      await expectSameEverywhere(join(folder, 'snapshots', 'model.onnx'), reference);
    });
  });
});

/** Tag and length of a length-delimited field, then its content; `more` bytes of it follow elsewhere. */
function field(no: number, content: Uint8Array, more = 0): Buffer {
  const bytes = [no * 8 + 2];
  let length = content.length + more;
  for (; length >= 128; length = Math.floor(length / 128)) bytes.push((length % 128) | 128);
  return Buffer.concat([Buffer.from([...bytes, length]), content]);
}

test('a file of more than 2 GB: weights behind the limit reach the engine', async () => {
  await withFolder(async (folder) => {
    // A sparse file: a model, then a graph that brings a tensor of zeros, then one that brings the weight `late`.
    // Protobuf merges the three graphs.
    const gap = 2 ** 31 + 12_345;
    const head = encodeModel(
      model({
        name: 'late',
        input: [value('x', [bigLength])],
        output: [value('y', [bigLength])],
        node: [node('Add', ['x', 'late'], ['y'])],
      }),
    );
    const late = create(TensorProtoSchema, floats('late', distinct(bigLength, 7)));
    const zeros = create(TensorProtoSchema, { name: 'zeros', dims: [BigInt(gap)], dataType: 3 });
    const front = Buffer.concat([toBinary(TensorProtoSchema, zeros), field(9, Buffer.alloc(0), gap)]);
    const before = Buffer.concat([head, field(7, field(5, front, gap), gap)]);
    const after = field(7, field(5, toBinary(TensorProtoSchema, late)));
    const path = join(folder, 'big.onnx');
    const handle = openSync(path, 'w');
    writeSync(handle, before, 0, before.length, 0);
    writeSync(handle, after, 0, after.length, before.length + gap);
    closeSync(handle);

    const loaded = await loadModel(path, { files });
    expect(loaded.fileBytes).toBe(before.length + gap + after.length);
    expect(loaded.weights.map((w) => [w.tensor, w.length, w.offset > 2 ** 31])).toEqual([
      ['zeros', gap, false],
      ['late', bigLength * 4, true],
    ]);
    const x = distinct(bigLength, 99);
    const outputs = await runSlim(loaded, { x: new ort.Tensor('float32', x, [bigLength]) });
    const expected = Float32Array.from(distinct(bigLength, 7), (w, i) => w + (x[i] ?? 0));
    expect(Buffer.compare(outputs.y ?? new Uint8Array(0), new Uint8Array(expected.buffer))).toBe(0);
    const request = { loaded, proto: loaded.proto, fixId: 'none', edits: 0, version: '0' };
    await expect(applyToCopy(files, { ...request, weights: 'inside' })).rejects.toMatchObject({ code: 'usage' });
    expect((await applyToCopy(files, request)).weights).toBe('referenced');
  });
});

test('an edited and tagged model runs by its path', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'everywhere.onnx');
    writeFileSync(path, encodeModel(everywhere()));
    const loaded = await loadModel(path, { files });
    const proto = clone(ModelProtoSchema, loaded.proto);
    const negate = tagNode(create(NodeProtoSchema, node('Neg', ['y_before'], ['y'])), 'test-fix');
    applyEdits(proto, [
      { kind: 'replaceOutput', from: 'y', to: 'y_before' },
      { kind: 'insertNodes', at: proto.graph?.node.length ?? 0, nodes: [negate] },
    ]);
    const { file } = await applyToCopy(files, { loaded, proto, fixId: 'test-fix', edits: 2, version: '0' });
    const read = (bytes: Uint8Array | undefined): number[] => [...new Float32Array(bytes?.slice().buffer ?? [])];
    const plain = read((await runPath(path, everywhereFeeds(true))).y);
    expect(read((await runPath(file, everywhereFeeds(true))).y)).toEqual(plain.map((v) => -v));
    expect(
      readWhole(file)
        .graph?.node.at(-1)
        ?.metadataProps.map((e) => [e.key, e.value]),
    ).toEqual([['nanoscope.fix', 'test-fix']]);
    rmSync(file);
  });
});
