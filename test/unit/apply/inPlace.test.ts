import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ModelProtoSchema } from 'onnx-buf';
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { stampKey } from '../../../src/app/apply/stamp';
import { undo } from '../../../src/app/apply/undo';
import type { FileAccess } from '../../../src/app/useCases';
import { fixKey } from '../../../src/core/onnx/edit';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { readWhole, richModel, smallModel, withFolder, writeExternal } from '../onnx/support';
import { backup, contents, inPlace, modelAt, toCopy } from './support';

describe('in place', () => {
  test('the model holds fix and seal and otherwise the original; undo brings back bytes and permissions', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      chmodSync(path, 0o640);
      const before = contents(folder);
      const original = readFileSync(path);
      const result = await inPlace(path);
      expect(result).toEqual({
        file: path,
        fixId: 'unmask-rows',
        edits: 1,
        weights: 'inside',
        backup: backup(path),
      });
      expect(Buffer.compare(readFileSync(backup(path)), original)).toBe(0);
      expect(statSync(path).mode & 0o7777).toBe(0o640);
      const written = readWhole(path);
      expect(written.metadataProps.find(({ key }) => key === fixKey)?.value).toBe('unmask-rows');
      written.metadataProps = written.metadataProps.filter(({ key }) => key !== fixKey && key !== stampKey);
      expect(Buffer.compare(toBinary(ModelProtoSchema, written), original)).toBe(0);

      expect(await undo({ files }, path)).toEqual({ removed: [backup(path)], restored: path });
      expect(contents(folder)).toEqual(before);
    });
  });

  test('weights in a file of their own stay there, untouched', async () => {
    await withFolder(async (folder) => {
      const path = writeExternal(folder, 'model.onnx', richModel());
      const before = contents(folder);
      expect((await inPlace(path)).weights).toBe('referenced');
      expect(contents(folder)['model.onnx.data']).toBe(before['model.onnx.data']);
      await undo({ files }, path);
      expect(contents(folder)).toEqual(before);
    });
  });

  test('the model does not need its backup', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      await inPlace(path);
      rmSync(backup(path));
      // Reads every weight of the file.
      expect(readWhole(path).graph?.initializer.length).toBe(richModel().graph?.initializer.length);
      await expect(undo({ files }, path)).rejects.toMatchObject({ code: 'not-ours', message: /is gone/ });
    });
  });

  test('another fix is one step more, and is taken back in one step', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      const states = [contents(folder)];
      await inPlace(path, 'one');
      states.push(contents(folder));
      expect((await inPlace(path, 'two')).backup).toBe(backup(path, 2));
      states.push(contents(folder));
      expect((await inPlace(path, 'three')).backup).toBe(backup(path, 3));
      await undo({ files }, path);
      expect(contents(folder)).toEqual(states[2]);
      await undo({ files }, path);
      expect(contents(folder)).toEqual(states[1]);
      await undo({ files }, path);
      expect(contents(folder)).toEqual(states[0]);
      await expect(undo({ files }, path)).rejects.toMatchObject({ code: 'not-ours' });
    });
  });

  test('a fixed copy may be changed in place and comes back as the sealed copy it was', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      const states = [contents(folder)];
      const { file } = await toCopy(path, 'copy', 'one');
      states.push(contents(folder));
      await inPlace(file, 'two');
      await undo({ files }, file);
      expect(contents(folder)).toEqual(states[1]);
      await undo({ files }, file);
      expect(contents(folder)).toEqual(states[0]);
    });
  });

  test('a symbolic link stays; what it leads to is changed', async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, 'blobs'));
      const target = modelAt(join(folder, 'blobs'), richModel(), 'f00d');
      const link = join(folder, 'model.onnx');
      symlinkSync(join('blobs', 'f00d'), link);
      const before = contents(folder);
      const result = await inPlace(link);
      expect(result.file).toBe(target);
      expect(readdirSync(folder).sort()).toEqual(['blobs', 'model.onnx']);
      expect(readdirSync(join(folder, 'blobs')).sort()).toEqual(['f00d', 'f00d.nanoscope-backup']);
      expect(contents(folder)['model.onnx']).toBe(before['model.onnx']);
      await undo({ files }, link);
      expect(contents(folder)).toEqual(before);
    });
  });

  test.each([
    ['a line\nbreak and "quotes".onnx'],
    [`${'長'.repeat(70)}.onnx`],
    ['-rf.onnx'],
    ['e\u0301 \u202e🦙.onnx'],
    ['no ending'],
  ])('a file may be called %j', async (name) => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel(), name);
      const before = contents(folder);
      await inPlace(path);
      expect(readdirSync(folder).length).toBe(2);
      await undo({ files }, path);
      expect(contents(folder)).toEqual(before);
    });
  });
});

describe('in place declines', () => {
  const untouched = async (path: string, folder: string, expected: object): Promise<void> => {
    const before = contents(folder);
    await expect(inPlace(path, 'another')).rejects.toMatchObject(expected);
    expect(contents(folder)).toEqual(before);
  };
  const undoUntouched = async (path: string, folder: string, expected: object): Promise<void> => {
    const before = contents(folder);
    await expect(undo({ files }, path)).rejects.toMatchObject(expected);
    expect(contents(folder)).toEqual(before);
  };

  test('a write-protected file, for an administrator too', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      chmodSync(path, 0o444);
      await untouched(path, folder, { code: 'file-unreadable', message: /write-protected/ });
    });
  });

  test('a backup that was changed since', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      await inPlace(path);
      appendFileSync(backup(path), 'x');
      await undoUntouched(path, folder, { code: 'not-ours', message: /backup" was changed since/ });
    });
  });

  test('a model that was changed since', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      await inPlace(path);
      appendFileSync(path, Buffer.from([0x08, 8]));
      await undoUntouched(path, folder, { code: 'not-ours', message: /changed since/ });
      await untouched(path, folder, { code: 'would-overwrite', message: /changed or replaced since/ });
    });
  });

  test('a model that was exported again beside an old backup', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      await inPlace(path);
      modelAt(folder, richModel());
      await untouched(path, folder, { code: 'would-overwrite', message: /changed or replaced since/ });
      await undoUntouched(path, folder, { code: 'not-ours' });
    });
  });

  test('a model that a copy takes its weights from, before the change and before undo', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      const { file } = await toCopy(path, 'reference');
      await untouched(path, folder, { code: 'would-overwrite', message: /copy would break/ });
      await undo({ files }, file);
      await inPlace(path);
      const again = await toCopy(path, 'reference', 'more');
      await undoUntouched(path, folder, { code: 'would-overwrite', message: /copy would break/ });
      await undo({ files }, again.file);
      await undo({ files }, path);
      expect(readdirSync(folder)).toEqual(['model.onnx']);
    });
  });

  test('a copy that takes them from a data file does not stand in the way', async () => {
    await withFolder(async (folder) => {
      const small = smallModel();
      const path = writeExternal(folder, 'model.onnx', small);
      await toCopy(path, 'reference');
      await inPlace(path);
      await undo({ files }, path);
    });
  });

  test('a model that is changed while it is diagnosed, or at the last moment', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      for (const moment of ['exclusively', 'keepAs'] as const) {
        modelAt(folder, smallModel());
        const meddling: FileAccess = {
          ...files,
          exclusively: (file, action) => {
            if (moment === 'exclusively') modelAt(folder, richModel());
            return files.exclusively(file, action);
          },
          keepAs: async (file, as) => {
            await files.keepAs(file, as);
            if (moment === 'keepAs') {
              const other = modelAt(folder, richModel(), 'other');
              renameSync(other, path);
            }
          },
        };
        await expect(inPlace(path, 'f', meddling)).rejects.toMatchObject({ message: /changed while/ });
        expect(readdirSync(folder)).toEqual(['model.onnx']);
        expect(Buffer.compare(readFileSync(path), Buffer.from(toBinary(ModelProtoSchema, richModel())))).toBe(0);
      }
    });
  });

  test('a fixed copy as the target of another copy', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      const other = modelAt(folder, smallModel(), 'model.fixed.onnx');
      await inPlace(other);
      await expect(toCopy(path)).rejects.toMatchObject({ code: 'would-overwrite', message: /fixed in place/ });
    });
  });

  test('the same copy twice; after a change of the model it is written anew', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      for (const weights of ['inside', 'copy', 'reference'] as const) {
        const { file } = await toCopy(path, weights);
        const before = contents(folder);
        await expect(toCopy(path, weights)).rejects.toMatchObject({ code: 'fix-declined', message: /already/ });
        expect(contents(folder)).toEqual(before);
        await undo({ files }, file);
      }
      await toCopy(path, 'inside');
      modelAt(folder, smallModel());
      await toCopy(path, 'inside');
    });
  });
});

describe('without second names for files', () => {
  const copying: FileAccess = {
    ...files,
    keepAs: async (file, as) => {
      copyFileSync(file, as);
      await Promise.resolve();
    },
  };
  test('the backup is a copy, and a leftover is still recognised', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      const before = contents(folder);
      await inPlace(path, 'one', copying);
      await undo({ files }, path);
      expect(contents(folder)).toEqual(before);
      copyFileSync(path, backup(path));
      expect((await inPlace(path, 'one', copying)).backup).toBe(backup(path));
      await undo({ files }, path);
      copyFileSync(path, backup(path));
      expect(await undo({ files }, path)).toEqual({ removed: [backup(path)], restored: path });
      expect(contents(folder)).toEqual(before);
    });
  });
});

describe('one at a time', () => {
  test('of several that start together one changes the model, the others say why not', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, richModel());
      const before = contents(folder);
      const all = await Promise.allSettled(['a', 'b', 'c', 'd'].map((fix) => inPlace(path, fix)));
      expect(all.filter(({ status }) => status === 'fulfilled').length).toBe(1);
      for (const one of all)
        if (one.status === 'rejected') expect(String(one.reason)).toMatch(/Another NaNoscope|was changed while/);
      await undo({ files }, path);
      expect(contents(folder)).toEqual(before);
    });
  });

  test('the lock of a process that is gone, or that nobody renews, does not last', async () => {
    await withFolder(async (folder) => {
      const path = modelAt(folder, smallModel());
      let lock = '';
      await files.exclusively(path, () => {
        lock = join(folder, readdirSync(folder).find((name) => name.endsWith('.lock')) ?? '');
        return Promise.resolve();
      });
      const text = (pid: number): string => JSON.stringify({ pid, host: hostname(), key: 'k' });
      // Alive as far as one can tell, and fresh.
      writeFileSync(lock, text(process.pid));
      await expect(inPlace(path)).rejects.toMatchObject({ message: /Another NaNoscope/ });
      expect(readdirSync(folder).length).toBe(2);
      const old = new Date(Date.now() - 120_000);
      utimesSync(lock, old, old);
      await inPlace(path);
      await undo({ files }, path);
      writeFileSync(lock, text(2 ** 22 + 1));
      await inPlace(path);
      await undo({ files }, path);
      // Killed between making its lock and filling it.
      writeFileSync(lock, '');
      await inPlace(path);
      await undo({ files }, path);
      // Only slow: filled while one waits.
      writeFileSync(lock, '');
      setTimeout(() => {
        writeFileSync(lock, text(process.pid));
      }, 200);
      await expect(inPlace(path)).rejects.toMatchObject({ message: /Another NaNoscope/ });
      rmSync(lock);
      expect(readdirSync(folder)).toEqual(['model.onnx']);
    });
  });
});
