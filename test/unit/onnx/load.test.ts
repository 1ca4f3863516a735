import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { loadModel } from '../../../src/core/onnx/load';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { exportedModels, exportsFolder } from './fixtures';

const files = nodeFiles;

describe('PyTorch exports', () => {
  test.each(exportedModels)('%s loads slim, everything else as the file has it', async (name) => {
    // Small models: a low threshold, so that all of them have weights to leave in the file.
    const threshold = 512;
    const path = join(exportsFolder, name);
    const bytes = readFileSync(path);
    const loaded = await loadModel(path, { files }, threshold);
    const whole = fromBinary(ModelProtoSchema, bytes);

    expect(loaded.name).toBe(name);
    expect(loaded.fileBytes).toBe(bytes.length);
    expect(loaded.opset).toBe(Number(/op(\d+)\.onnx$/.exec(name)?.[1]));
    expect(loaded.weights.length).toBeGreaterThan(0);
    expect(loaded.externalDataFolder).toBe('/');
    // Put the payloads back by hand, and the model must be the one that a plain decoder reads.
    for (const weight of loaded.weights) {
      const tensor = loaded.proto.graph?.initializer.find((t) => t.name === weight.tensor);
      const original = whole.graph?.initializer.find((t) => t.name === weight.tensor);
      if (!tensor || !original) throw new Error(`no tensor ${weight.tensor}`);
      const payload = bytes.subarray(weight.offset, weight.offset + weight.length);
      expect(Buffer.compare(payload, original.rawData)).toBe(0);
      expect(tensor.rawData.length).toBe(0);
    }
    const slim = toBinary(ModelProtoSchema, loaded.proto).length;
    const heavy = loaded.weights.reduce((sum, weight) => sum + weight.length, 0);
    expect(slim).toBeLessThan(bytes.length - heavy + 300 * loaded.weights.length);
    const strip = (model: typeof whole): typeof whole => {
      const big = new Set(loaded.weights.map((weight) => weight.tensor));
      if (model.graph) model.graph.initializer = model.graph.initializer.filter((t) => !big.has(t.name));
      return model;
    };
    const a = toBinary(ModelProtoSchema, strip(loaded.proto));
    const b = toBinary(ModelProtoSchema, strip(whole));
    expect(Buffer.compare(a, b)).toBe(0);
  });
});
