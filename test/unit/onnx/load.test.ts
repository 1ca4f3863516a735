import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearField, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { allTensors } from '../../../src/core/onnx/allTensors';
import { loadBytes, loadModel, usesBfloat16 } from '../../../src/core/onnx/load';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { exportedModels, exportsFolder } from './fixtures';
import { AttributeType, encodeModel, model, node, richModel, smallModel, value, withFolder } from './support';

describe('a slim model', () => {
  test.each(exportedModels)('%s: weights stay in the file, everything else is as the file has it', async (name) => {
    // Small models: a low threshold, so that all of them have weights to leave in the file.
    const path = join(exportsFolder, name);
    await expectSlim(path, 512);
    const loaded = await loadModel(path, { files }, 512);
    expect(loaded.name).toBe(name);
    expect(loaded.opset).toBe(Number(/op(\d+)\.onnx$/.exec(name)?.[1]));
  });

  test('the same for a model that has everything', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'rich.onnx');
      writeFileSync(path, encodeModel(richModel()));
      const loaded = await expectSlim(path, undefined);
      expect(loaded.weights.map((weight) => weight.tensor)).toContain('then_w');
      expect(loaded.weights.map((weight) => weight.tensor)).toContain('c');
      expect(loaded.weights.map((weight) => weight.tensor)).toContain('s');
    });
  });

  async function expectSlim(path: string, threshold: number | undefined): ReturnType<typeof loadModel> {
    const bytes = readFileSync(path);
    const loaded = await loadModel(path, { files }, threshold);
    const whole = fromBinary(ModelProtoSchema, bytes);
    expect(loaded.fileBytes).toBe(bytes.length);
    expect(loaded.externalDataFolder).toBe('/');
    expect(loaded.weights.length).toBeGreaterThan(0);
    const weights = new Map(loaded.weights.map((weight) => [String(weight.offset), weight]));
    const originals = [...allTensors(whole)];
    for (const [index, tensor] of [...allTensors(loaded.proto)].entries()) {
      const original = originals[index];
      if (!original) throw new Error('a tensor too many');
      const entries = new Map(tensor.externalData.map((entry) => [entry.key, entry.value]));
      const weight = weights.get(entries.get('offset') ?? '');
      if (!weight) {
        expect(original.rawData.length).toBeLessThan(threshold ?? 16384);
        continue;
      }
      expect(`/${entries.get('location') ?? ''}`).toBe(path);
      expect(entries.get('length')).toBe(String(weight.length));
      const payload = bytes.subarray(weight.offset, weight.offset + weight.length);
      const plain =
        original.floatData.length > 0
          ? new Uint8Array(Float32Array.from(original.floatData).buffer)
          : original.doubleData.length > 0
            ? new Uint8Array(Float64Array.from(original.doubleData).buffer)
            : original.rawData;
      expect(Buffer.compare(payload, plain)).toBe(0);
      // Equal from here on, so that the rest can be compared as a whole.
      tensor.rawData = original.rawData;
      tensor.floatData = original.floatData;
      tensor.doubleData = original.doubleData;
      tensor.externalData = original.externalData;
      for (const field of [TensorProtoSchema.field.dataLocation, TensorProtoSchema.field.rawData]) {
        if (!isFieldSet(original, field)) clearField(tensor, field);
      }
      if (isFieldSet(original, TensorProtoSchema.field.dataLocation)) tensor.dataLocation = original.dataLocation;
    }
    const a = toBinary(ModelProtoSchema, loaded.proto);
    expect(Buffer.compare(a, toBinary(ModelProtoSchema, whole))).toBe(0);
    return loaded;
  }

  test('a model of a gigabyte of weights costs a few small reads', async () => {
    const big = 256 * 1024 * 1024;
    const head = encodeModel(smallModel());
    // The file is imagined: four weights of zeros between two encoded models, which protobuf merges.
    const tensor = (name: string): Uint8Array => {
      const front = Buffer.concat([
        Buffer.from([0x08, ...[0x80, 0x80, 0x80, 0x20], 0x10, 1, 0x42, name.length]),
        Buffer.from(name),
        Buffer.from([0x4a, 0x80, 0x80, 0x80, 0x80, 0x01]),
      ]);
      return front;
    };
    const pieces: { at: number; bytes: Uint8Array }[] = [{ at: 0, bytes: head }];
    let size = head.length;
    for (const name of ['w0', 'w1', 'w2', 'w3']) {
      const front = tensor(name);
      const inner = front.length + big;
      const tensorHead = Buffer.concat([Buffer.from([0x2a]), varint(inner), front]);
      const graphHead = Buffer.concat([Buffer.from([0x3a]), varint(tensorHead.length + big), tensorHead]);
      pieces.push({ at: size, bytes: graphHead });
      size += graphHead.length + big;
    }
    let reads = 0;
    let bytesRead = 0;
    const imagined = {
      size,
      read: (offset: number, length: number) => {
        const wanted = Math.min(length, size - offset);
        reads++;
        bytesRead += wanted;
        const result = new Uint8Array(wanted);
        for (const { at, bytes } of pieces) {
          for (let i = Math.max(at, offset); i < Math.min(at + bytes.length, offset + wanted); i++) {
            result[i - offset] = bytes[i - at] ?? 0;
          }
        }
        return Promise.resolve(result);
      },
      close: () => Promise.resolve(),
    };
    const loaded = await loadModel('/models/big.onnx', {
      files: {
        ...files,
        open: () => Promise.resolve(imagined),
        exists: () => Promise.resolve(true),
        realPath: (path) => Promise.resolve(path),
      },
    });
    expect(loaded.weights.map((weight) => weight.length)).toEqual([big, big, big, big]);
    expect(loaded.fileBytes).toBeGreaterThan(2 ** 30);
    expect(reads).toBeLessThan(40);
    expect(bytesRead).toBeLessThan(200_000);
  });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

describe('loadBytes', () => {
  test('takes a model in memory as it is', () => {
    const bytes = encodeModel(smallModel());
    const loaded = loadBytes('builtin:small', bytes);
    expect(loaded).toMatchObject({
      name: 'builtin:small',
      path: null,
      opset: 17,
      fileBytes: bytes.length,
      weights: [],
    });
    expect(loaded.externalDataFolder).toBeUndefined();
    expect(Buffer.compare(encodeModel(loaded.proto), bytes)).toBe(0);
  });
});

describe('usesBfloat16', () => {
  const bf16 = 16;
  test.each([
    ['no', smallModel(), false],
    ['an input', model({ input: [value('x', [1], bf16)], output: [value('x', [1], bf16)] }), true],
    [
      'a cast',
      model({ node: [node('Cast', ['x'], ['y'], { attribute: [{ name: 'to', type: AttributeType.INT, i: 16n }] })] }),
      true,
    ],
    [
      'another op with "to" = 16',
      model({ node: [node('Pad', [], [], { attribute: [{ name: 'to', i: 16n }] })] }),
      false,
    ],
    ['a weight', model({ initializer: [{ name: 'w', dataType: bf16, dims: [1n], rawData: new Uint8Array(2) }] }), true],
    [
      'inside a branch',
      model({
        node: [node('If', [], [], { attribute: [{ name: 'then_branch', g: { valueInfo: [value('v', [1], bf16)] } }] })],
      }),
      true,
    ],
  ])('%s', (_what, proto, expected) => {
    expect(usesBfloat16(proto)).toBe(expected);
  });
});
