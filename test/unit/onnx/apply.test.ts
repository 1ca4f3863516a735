import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { clone, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { applyToCopy, defaultOut } from '../../../src/app/apply/applyToCopy';
import { stampKey } from '../../../src/app/apply/stamp';
import { undo } from '../../../src/app/apply/undo';
import { defaultWeights, weightsOffer } from '../../../src/app/apply/weights';
import type { ApplyResult } from '../../../src/app/useCases';
import { applyEdits, fixKey, modelPropEdit } from '../../../src/core/onnx/edit';
import { loadBytes, loadModel } from '../../../src/core/onnx/load';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { encodeModel, meaning, readWhole, richModel, smallModel, withFolder, writeExternal } from './support';

interface Choice {
  readonly out?: string;
  readonly weights?: 'inside' | 'reference' | 'copy';
  readonly fixId?: string;
}

async function apply(path: string, { fixId = 'unmask-rows', ...more }: Choice = {}): Promise<ApplyResult> {
  const loaded = await loadModel(path, { files });
  const proto = clone(ModelProtoSchema, loaded.proto);
  applyEdits(proto, [modelPropEdit(proto, fixKey, fixId)]);
  return applyToCopy(files, { loaded, proto, fixId, edits: 1, version: '1.2.3', ...more });
}

function modelIn(folder: string, proto = richModel()): string {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, encodeModel(proto));
  return path;
}

describe('applying to a copy', () => {
  test('writes a sealed model beside the original; undo leaves the folder as it was', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      const before = readFileSync(path);
      const result = await apply(path);
      const fixed = join(folder, 'model.fixed.onnx');
      expect(result).toEqual({ file: fixed, fixId: 'unmask-rows', edits: 1, weights: 'inside' });

      // Any protobuf reader sees the fix, the seal and otherwise the original.
      const written = readWhole(fixed);
      const props = new Map(written.metadataProps.map((entry) => [entry.key, entry.value]));
      expect(props.get(fixKey)).toBe('unmask-rows');
      expect(JSON.parse(props.get(stampKey) ?? '')).toMatchObject({
        tool: 'nanoscope',
        version: '1.2.3',
        fix: 'unmask-rows',
        source: 'model.onnx',
        weights: 'inside',
        files: [],
      });
      written.metadataProps = written.metadataProps.filter((entry) => !entry.key.startsWith('nanoscope.'));
      expect(Buffer.compare(toBinary(ModelProtoSchema, written), before)).toBe(0);

      expect(await undo({ files }, fixed)).toEqual({ removed: [fixed] });
      expect(readdirSync(folder)).toEqual(['model.onnx']);
      expect(Buffer.compare(readFileSync(path), before)).toBe(0);
    });
  });

  test('copied weights are sealed and taken back too, and nothing else', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      writeFileSync(join(folder, 'model.fixed.onnx.txt'), 'a note of the person');
      const result = await apply(path, { weights: 'copy' });
      expect(result.weights).toBe('copied');
      const expected = richModel();
      applyEdits(expected, [modelPropEdit(expected, fixKey, 'unmask-rows')]);
      const written = readWhole(result.file);
      written.metadataProps = written.metadataProps.filter((entry) => entry.key !== stampKey);
      expect(Buffer.compare(meaning(written), meaning(expected))).toBe(0);
      const { removed } = await undo({ files }, result.file);
      expect(removed).toEqual([result.file, `${result.file}.data`]);
      expect(readdirSync(folder).sort()).toEqual(['model.fixed.onnx.txt', 'model.onnx']);
    });
  });

  test('weights that were external are referenced by default, and undo leaves them', async () => {
    await withFolder(async (folder) => {
      const path = writeExternal(folder, 'model.onnx', richModel());
      const result = await apply(path);
      expect(result.weights).toBe('referenced');
      await loadModel(result.file, { files });
      await undo({ files }, result.file);
      expect(readdirSync(folder).sort()).toEqual(['model.onnx', 'model.onnx.data']);
    });
  });

  test('replaces its own unchanged copy, with or without data file', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      await apply(path, { weights: 'copy', fixId: 'one' });
      await apply(path, { weights: 'copy', fixId: 'two' });
      const { file } = await apply(path, { weights: 'inside', fixId: 'three' });
      expect(readdirSync(folder).sort()).toEqual(['model.fixed.onnx', 'model.onnx']);
      const props = readWhole(file).metadataProps;
      expect(props.filter((entry) => entry.key === fixKey).map((entry) => entry.value)).toEqual(['three']);
    });
  });

  test('a copy whose weights are outdated is replaced as a whole', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      await apply(path, { weights: 'copy' });
      const other = richModel();
      for (const tensor of other.graph?.initializer ?? []) if (tensor.rawData[0] !== undefined) tensor.rawData[0] ^= 1;
      modelIn(folder, other);
      const { file } = await apply(path, { weights: 'copy' });
      expect((await undo({ files }, file)).removed.length).toBe(2);
    });
  });

  test('a fixed model can be fixed again: one seal, the new one', async () => {
    await withFolder(async (folder) => {
      const first = await apply(modelIn(folder), { fixId: 'one' });
      const second = await apply(first.file, { fixId: 'two' });
      expect(second.file).toBe(join(folder, 'model.fixed.fixed.onnx'));
      const seals = readWhole(second.file).metadataProps.filter((entry) => entry.key === stampKey);
      expect(seals.length).toBe(1);
      await undo({ files }, second.file);
      await undo({ files }, first.file);
      expect(readdirSync(folder)).toEqual(['model.onnx']);
    });
  });

  test('names that hold the key of the seal do not confuse it', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, `${stampKey} ${stampKey}.onnx`);
      writeFileSync(path, encodeModel(smallModel()));
      const { file } = await apply(path, { fixId: stampKey });
      expect((await undo({ files }, file)).removed).toEqual([file]);
    });
  });

  test('defaults', async () => {
    expect(defaultOut(files, '/a/b/model.onnx')).toBe('/a/b/model.fixed.onnx');
    expect(defaultOut(files, '/a/b/model')).toBe('/a/b/model.fixed.onnx');
    const inMemory = loadBytes('builtin:x', encodeModel(smallModel()));
    expect(defaultWeights(inMemory)).toBe('inside');
    await withFolder(async (folder) => {
      const loaded = await loadModel(modelIn(folder), { files });
      expect(defaultWeights(loaded)).toBe('inside');
      expect(defaultWeights({ ...loaded, fileBytes: 300 * 1024 * 1024 })).toBe('reference');
    });
    const basename = (path: string): string => path.split('/').at(-1) ?? path;
    await withFolder(async (folder) => {
      const small = await loadModel(modelIn(folder), { files });
      expect(weightsOffer(small, basename)).toBeNull();
      // The sizes that are offered are those that are then written, up to the edit and the seal.
      const loaded = await loadModel(writeExternal(folder, 'big.onnx', richModel()), { files });
      const offer = weightsOffer(loaded, basename);
      // The model itself still holds a big payload that is not raw data.
      expect(offer?.needs).toEqual(['big.onnx', 'big.onnx.data']);
      const sizeOf = (name: string): number => statSync(join(folder, name)).size;
      for (const weights of ['reference', 'copy'] as const) {
        const { file } = await apply(join(folder, 'big.onnx'), { weights });
        const written = sizeOf('big.fixed.onnx') + (weights === 'copy' ? sizeOf('big.fixed.onnx.data') : 0);
        expect(Math.abs(written - (offer?.[weights] ?? 0))).toBeLessThan(4096 + 1024);
        await undo({ files }, file);
      }
    });
    const request = { loaded: inMemory, proto: inMemory.proto, fixId: 'f', edits: 0, version: '1' };
    await expect(applyToCopy(files, request)).rejects.toMatchObject({ code: 'usage' });
  });
});

const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );

describe('never overwritten', () => {
  const foreign = async (
    prepare: (fixed: string, path: string) => void | Promise<void>,
    message: RegExp,
  ): Promise<void> => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      const fixed = join(folder, 'model.fixed.onnx');
      await prepare(fixed, path);
      const before = contents(folder);
      for (const weights of ['copy', 'inside'] as const) {
        const applied = apply(path, { weights });
        await expect(applied).rejects.toMatchObject({ code: 'would-overwrite' });
        await expect(applied).rejects.toThrow(message);
      }
      expect(contents(folder)).toEqual(before);
    });
  };

  test('a file of the person', () =>
    foreign((fixed) => {
      writeFileSync(fixed, 'mine');
    }, /not written by NaNoscope/));
  test('an ordinary model', () =>
    foreign((fixed) => {
      writeFileSync(fixed, encodeModel(smallModel()));
    }, /not written by NaNoscope/));
  test('our copy with something appended', () =>
    foreign(async (fixed, path) => {
      await apply(path);
      appendFileSync(fixed, Buffer.from([0x08, 8]));
    }, /changed since/));
  test('our copy with one weight changed', () =>
    foreign(async (fixed, path) => {
      await apply(path);
      const bytes = readFileSync(fixed);
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      writeFileSync(fixed, bytes);
    }, /changed since/));
  test('our copy with another seal', () =>
    foreign(async (fixed, path) => {
      await apply(path);
      writeFileSync(
        fixed,
        Buffer.from(readFileSync(fixed).toString('latin1').replace('unmask-rows"', 'unmask-r0ws"'), 'latin1'),
      );
    }, /changed since/));
  test('our copy, saved again by another tool', () =>
    foreign(async (fixed, path) => {
      await apply(path);
      writeFileSync(fixed, toBinary(ModelProtoSchema, fromBinary(ModelProtoSchema, readFileSync(fixed))));
      const proto = fromBinary(ModelProtoSchema, readFileSync(fixed));
      proto.producerName = 'another tool';
      writeFileSync(fixed, toBinary(ModelProtoSchema, proto));
    }, /changed since/));
  test('our copy whose data file was changed', () =>
    foreign(async (fixed, path) => {
      await apply(path, { weights: 'copy' });
      appendFileSync(`${fixed}.data`, 'x');
    }, /model\.fixed\.onnx\.data" was changed since/));

  test('a data file that is not ours', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      writeFileSync(join(folder, 'model.fixed.onnx.data'), 'mine');
      await expect(apply(path, { weights: 'copy' })).rejects.toMatchObject({ code: 'would-overwrite' });
      expect(readFileSync(join(folder, 'model.fixed.onnx.data'), 'utf8')).toBe('mine');
      expect(existsSync(join(folder, 'model.fixed.onnx'))).toBe(false);
    });
  });

  test('a failing write leaves no data file behind', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      const failing = {
        ...files,
        writeAtomic: (file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> =>
          file.endsWith('.data') ? files.writeAtomic(file, chunks) : Promise.reject(new Error('disk full')),
      };
      const loaded = await loadModel(path, { files });
      const request = { loaded, proto: loaded.proto, fixId: 'f', edits: 0, version: '1', weights: 'copy' as const };
      await expect(applyToCopy(failing, request)).rejects.toThrow('disk full');
      expect(readdirSync(folder)).toEqual(['model.onnx']);
    });
  });
});

describe('undo declines', () => {
  test('a file that is not there, an original, a changed copy, a renamed copy with data', async () => {
    await withFolder(async (folder) => {
      const path = modelIn(folder);
      await expect(undo({ files }, join(folder, 'nope.onnx'))).rejects.toMatchObject({ code: 'file-not-found' });
      await expect(undo({ files }, path)).rejects.toMatchObject({ code: 'not-ours' });
      const { file } = await apply(path, { weights: 'copy' });
      const renamed = join(folder, 'renamed.onnx');
      renameSync(file, renamed);
      await expect(undo({ files }, renamed)).rejects.toMatchObject({ code: 'not-ours' });
      renameSync(renamed, file);
      appendFileSync(file, Buffer.from([0x08, 8]));
      await expect(undo({ files }, file)).rejects.toMatchObject({ code: 'not-ours' });
      expect(readdirSync(folder).length).toBe(3);
    });
  });

  test('a moved copy that is one file is still ours', async () => {
    await withFolder(async (folder) => {
      const { file } = await apply(modelIn(folder));
      mkdirSync(join(folder, 'elsewhere'));
      const moved = join(folder, 'elsewhere', 'moved.onnx');
      renameSync(file, moved);
      expect(await undo({ files }, moved)).toEqual({ removed: [moved] });
    });
  });
});
