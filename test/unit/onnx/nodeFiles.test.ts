import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { withFolder } from './support';

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    await Promise.resolve();
    yield Buffer.from(part);
  }
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield* chunks('half');
  throw new Error('the source failed');
}

describe('reading', () => {
  test('at any place, exactly as much as asked for, less only at the end', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'f');
      writeFileSync(path, 'hello world');
      const file = await files.open(path);
      expect(file.size).toBe(11);
      const read = async (offset: number, length: number): Promise<string> =>
        Buffer.from(await file.read(offset, length)).toString();
      expect(await read(6, 5)).toBe('world');
      expect(await read(0, 1)).toBe('h');
      expect(await read(6, 500)).toBe('world');
      expect(await read(11, 5)).toBe('');
      expect(await read(500, 5)).toBe('');
      expect(await Promise.all([read(0, 5), read(6, 5)])).toEqual(['hello', 'world']);
      await file.close();
      expect(Buffer.from(await files.readFile(path)).toString()).toBe('hello world');
    });
  });

  test('errors in plain words', async () => {
    await withFolder(async (folder) => {
      const nowhere = join(folder, 'nope');
      writeFileSync(join(folder, 'f'), '');
      symlinkSync('loop', join(folder, 'loop'));
      const actions: (() => Promise<unknown>)[] = [
        () => files.open(nowhere),
        () => files.readFile(nowhere),
        () => files.realPath(nowhere),
        () => files.remove(nowhere),
      ];
      for (const action of actions) {
        await expect(action()).rejects.toMatchObject({ code: 'file-not-found', name: 'NanoscopeError' });
      }
      await expect(files.open(join(folder, 'f', 'below'))).rejects.toMatchObject({ code: 'file-not-found' });
      await expect(files.open(folder)).rejects.toMatchObject({ code: 'file-unreadable' });
      await expect(files.open(folder)).rejects.toThrow(/it is a folder/);
      await expect(files.readFile(folder)).rejects.toThrow(/it is a folder/);
      await expect(files.open(join(folder, 'loop'))).rejects.toThrow(/lead in a circle/);
      await expect(files.open(join(folder, 'a\0b'))).rejects.toThrow(/name is impossible/);
      await expect(files.open(join(folder, 'x'.repeat(300)))).rejects.toThrow(/name is too long/);
    });
  });

  // Opening one would wait for ever.
  test.skipIf(process.platform === 'win32')('a pipe is refused at once', async () => {
    await withFolder(async (folder) => {
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      await expect(files.open(join(folder, 'pipe'))).rejects.toThrow(/not a regular file/);
    });
  });

  test('exists and realPath', async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, 'real'));
      writeFileSync(join(folder, 'real', 'f'), '');
      symlinkSync('real', join(folder, 'link'));
      expect(await files.exists(join(folder, 'link', 'f'))).toBe(true);
      expect(await files.exists(join(folder, 'nope'))).toBe(false);
      expect(await files.exists(join(folder, 'real', 'f', 'g'))).toBe(false);
      expect(await files.realPath(join(folder, 'link', 'f'))).toBe(join(realpathSync(folder), 'real', 'f'));
    });
  });
});

describe('writing', () => {
  test('all chunks, then one file and nothing else', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'f');
      await files.writeAtomic(path, chunks('one ', '', 'two'));
      expect(readFileSync(path, 'utf8')).toBe('one two');
      await files.writeAtomic(path, chunks('three'));
      expect(readFileSync(path, 'utf8')).toBe('three');
      expect(readdirSync(folder)).toEqual(['f']);
    });
  });

  test('a source that fails half-way leaves the old file and no other', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'f');
      writeFileSync(path, 'old');
      await expect(files.writeAtomic(path, failing())).rejects.toThrow('the source failed');
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['f']);
    });
  });

  test('errors in plain words', async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, 'd'));
      await expect(files.writeAtomic(join(folder, 'd'), chunks('x'))).rejects.toThrow(/it is a folder/);
      expect(readdirSync(folder)).toEqual(['d']);
      await expect(files.writeAtomic(join(folder, 'nope', 'f'), chunks('x'))).rejects.toMatchObject({
        code: 'file-not-found',
        message: expect.stringContaining('its folder does not exist') as string,
      });
    });
  });

  // Even root may not create files there.
  test.skipIf(process.platform !== 'linux')('permission denied', async () => {
    await expect(files.writeAtomic('/sys/kernel/nanoscope-test', chunks('x'))).rejects.toMatchObject({
      code: 'file-unreadable',
      message: expect.stringMatching(/permission denied/) as string,
    });
  });
});
