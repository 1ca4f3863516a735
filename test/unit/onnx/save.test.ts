import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clone, fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { placeTensor } from '../../../src/core/onnx/external';
import type { LoadedModel } from '../../../src/core/onnx/load';
import { loadBytes, loadModel } from '../../../src/core/onnx/load';
import type { PlannedFile, WeightsChoice } from '../../../src/core/onnx/save';
import { writeModel } from '../../../src/core/onnx/save';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { exportedModels, exportsFolder } from './fixtures';
import { encodeModel, meaning, readWhole, richModel, smallModel, withFolder, writeExternal } from './support';

async function write(file: PlannedFile): Promise<void> {
  await files.writeAtomic(file.path, file.chunks);
  expect(statSync(file.path).size).toBe(file.bytes);
}

/** Load, write, without any edit between. */
async function roundTrip(path: string, out: string, weights: WeightsChoice, threshold?: number): Promise<LoadedModel> {
  const loaded = await loadModel(path, { files }, threshold);
  const plan = await writeModel(loaded, clone(ModelProtoSchema, loaded.proto), { weights, out, files });
  for (const extra of plan.extra) await write(extra);
  await write(plan.model);
  return loaded;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('a model that is loaded and written without edits', () => {
  test.each(exportedModels)('%s comes out byte for byte', async (name) => {
    await withFolder(async (folder) => {
      const path = join(exportsFolder, name);
      const out = join(folder, 'out.onnx');
      await roundTrip(path, out, 'inside', 512);
      expect(same(readFileSync(out), readFileSync(path))).toBe(true);
    });
  });

  test.each(exportedModels)('%s means the same with referenced and with copied weights', async (name) => {
    await withFolder(async (folder) => {
      const path = join(folder, name);
      writeFileSync(path, readFileSync(join(exportsFolder, name)));
      for (const weights of ['reference', 'copy'] as const) {
        const out = join(folder, `${weights}.onnx`);
        const loaded = await roundTrip(path, out, weights, 512);
        expect(statSync(out).size).toBeLessThan(statSync(path).size);
        expect(same(meaning(readWhole(out)), meaning(readWhole(path)))).toBe(true);
        // And again from what was written: a fixed model can be diagnosed and fixed as well.
        const again = join(folder, `${weights}.again.onnx`);
        const reloaded = await roundTrip(out, again, 'inside', 512);
        expect(reloaded.weights.length).toBe(loaded.weights.length);
        expect(same(meaning(readWhole(again)), meaning(readWhole(path)))).toBe(true);
      }
    });
  });

  test('unknown fields, metadata, subgraphs, functions, training info and hostile names survive', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'rich.onnx');
      const bytes = encodeModel(richModel());
      writeFileSync(path, bytes);
      const out = join(folder, 'inside.onnx');
      await roundTrip(path, out, 'inside');
      expect(same(readFileSync(out), bytes)).toBe(true);
      for (const weights of ['reference', 'copy'] as const) {
        const other = join(folder, `${weights}.onnx`);
        await roundTrip(path, other, weights);
        expect(statSync(other).size).toBeLessThan(20_000);
        expect(same(meaning(readWhole(other)), meaning(richModel()))).toBe(true);
      }
    });
  });

  test('external data comes out byte for byte when referenced, checksum and all', async () => {
    await withFolder(async (folder) => {
      const path = writeExternal(folder, 'model.onnx', richModel(), { pad: 3 });
      const out = join(folder, 'out.onnx');
      await roundTrip(path, out, 'reference');
      expect(same(withoutInlineBig(readFileSync(out)), withoutInlineBig(readFileSync(path)))).toBe(true);
      for (const weights of ['inside', 'copy'] as const) {
        const other = join(folder, `${weights}.onnx`);
        await roundTrip(path, other, weights);
        expect(same(meaning(readWhole(other)), meaning(richModel()))).toBe(true);
      }
    });
  });
  /** richModel keeps some payloads in typed fields, which a reference turns into external data. */
  const withoutInlineBig = (bytes: Uint8Array): Uint8Array => {
    return encodeModel(loadable(bytes));
  };
  const loadable = (bytes: Uint8Array): ReturnType<typeof richModel> => {
    const proto = decode(bytes);
    if (proto.graph) {
      proto.graph.initializer = proto.graph.initializer.filter((t) => !['packed', 'doubles'].includes(t.name));
    }
    return proto;
  };
});

describe('copied weights', () => {
  test('lie at multiples of 4096 in one data file', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'rich.onnx');
      writeFileSync(path, encodeModel(richModel()));
      const out = join(folder, 'rich.fixed.onnx');
      await roundTrip(path, out, 'copy');
      const loaded = await loadModel(out, { files });
      expect(loaded.weights.length).toBeGreaterThan(5);
      for (const weight of loaded.weights) {
        expect(weight.file).toBe(`${out}.data`);
        expect(weight.offset % 4096).toBe(0);
      }
    });
  });

  test('a region that two tensors share is copied once', async () => {
    await withFolder(async (folder) => {
      const proto = richModel();
      const path = writeExternal(folder, 'model.onnx', proto);
      const tied = decode(readFileSync(path));
      const [first, , , second] = tied.graph?.initializer ?? [];
      if (!first || !second) throw new Error('no tensors to tie');
      second.externalData = first.externalData;
      writeFileSync(path, encodeModel(tied));
      const out = join(folder, 'out.onnx');
      await roundTrip(path, out, 'copy');
      const offsets = (await loadModel(out, { files })).weights.map((weight) => weight.offset);
      expect(new Set(offsets).size).toBe(offsets.length - 1);
    });
  });
});

describe('writing declines', () => {
  test('to refer to weights outside the folder of the new model', async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, 'a'));
      mkdirSync(join(folder, 'b'));
      const path = join(folder, 'a', 'rich.onnx');
      writeFileSync(path, encodeModel(richModel()));
      const loaded = await loadModel(path, { files });
      const plan = writeModel(loaded, loaded.proto, { weights: 'reference', out: join(folder, 'b', 'o.onnx'), files });
      await expect(plan).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('copy') as string });
      // Above the weights it can.
      const above = join(folder, 'o.onnx');
      await roundTrip(path, above, 'reference');
      expect(same(meaning(readWhole(above)), meaning(richModel()))).toBe(true);
    });
  });

  test.each(['inside', 'reference', 'copy'] as const)('to write over the model itself (%s)', async (weights) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'rich.onnx');
      writeFileSync(path, encodeModel(richModel()));
      const loaded = await loadModel(path, { files });
      const plan = writeModel(loaded, loaded.proto, { weights, out: path, files });
      await expect(plan).rejects.toMatchObject({ code: 'would-overwrite' });
    });
  });

  test('to put more than 2 GB inside', async () => {
    await withFolder(async (folder) => {
      const loaded = loadBytes('m', encodeModel(smallModel()));
      const region = { file: '/w', offset: 0, length: 2 ** 31 };
      const proto = clone(ModelProtoSchema, loaded.proto);
      const tensor = proto.graph?.initializer[0];
      if (!tensor) throw new Error('no tensor');
      placeTensor(tensor, region);
      const huge: LoadedModel = {
        ...loaded,
        weights: [{ tensor: 'w', ...region, origin: { kind: 'inline', field: 'raw_data', saysDefault: false } }],
      };
      const out = join(folder, 'o.onnx');
      await expect(writeModel(huge, proto, { weights: 'inside', out, files })).rejects.toMatchObject({ code: 'usage' });
      expect((await writeModel(huge, proto, { weights: 'copy', out, files })).extra[0]?.bytes).toBe(2 ** 31);
    });
  });

  test('to go on when the source was changed meanwhile, and leaves nothing behind', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'rich.onnx');
      writeFileSync(path, encodeModel(richModel()));
      const loaded = await loadModel(path, { files });
      const out = join(folder, 'out.onnx');
      const plan = await writeModel(loaded, loaded.proto, { weights: 'inside', out, files });
      writeFileSync(path, encodeModel(smallModel()));
      await expect(files.writeAtomic(out, plan.model.chunks)).rejects.toMatchObject({ code: 'file-unreadable' });
      expect(readdirSync(folder)).toEqual(['rich.onnx']);
    });
  });
});

function decode(bytes: Uint8Array): ReturnType<typeof richModel> {
  return fromBinary(ModelProtoSchema, bytes);
}
