/** `nanoscope scan`: what it prints, as text, Markdown and JSON, and its exit codes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scan } from '../../src/app/scan/scan';
import { nodeFiles } from '../../src/runtime/files/nodeFiles';
import { cliBundle, runHere, runProcess, type Outcome } from '../support/cliHarness';
import { failureSchema } from '../support/reportSchema';
import { hidden, npy, safetensors, seedMask } from '../support/storedFiles';

const clean = safetensors({ hidden: hidden(() => false), attention_mask: seedMask });
const padded = safetensors({
  'layer_0.out': hidden((position) => position < 30),
  'layer_1.out': hidden(() => true),
  attention_mask: seedMask,
});
const infinite = npy('<f4', [3], Float32Array.of(1, -Infinity, 2));
const message = 'damaged.npy is cut off: its header promises 12 bytes of data and 4 are there.';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope scan '));
  await cliBundle();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
function tree(files: Readonly<Record<string, Uint8Array | string>>): string {
  const place = join(folder, String((count += 1)));
  mkdirSync(place);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(place, name, '..'), { recursive: true });
    writeFileSync(join(place, name), content);
  }
  return place;
}
const damaged = infinite.subarray(0, infinite.length - 8);

/** With the real work, in this process; names as from inside `place`. */
async function here(place: string, ...args: readonly string[]): Promise<Outcome> {
  const [paths, options] = [args.filter((one) => !one.startsWith('-')), args.filter((one) => one.startsWith('-'))];
  const outcome = await runHere(['scan', ...paths.map((path) => join(place, path)), ...options], {
    work: {
      scan: (files, request, events, signal) =>
        scan(files, { ...request, name: (file) => file.slice(place.length + 1) || '.' }, events, signal),
    },
    files: nodeFiles,
  });
  return outcome;
}

describe('nanoscope scan', () => {
  it('says which files, tensors, samples and positions hold NaN, padding apart, and ends with 1', async () => {
    const place = tree({
      'traits/anxiety.safetensors': clean,
      'traits/obedience.safetensors': padded,
      'traits/old.pt': 'not opened',
    });
    const { code, out, err } = await runProcess(['scan', 'traits', '--mask', 'attention_mask'], { cwd: place });
    expect(out).toBe(
      [
        '               type     shape             NaN  finite  where',
        'traits/obedience.safetensors  3.0 kB',
        '  layer_0.out  float32  [2, 35, 4]  120 (43%)  −3 … 4  sample 0: 30/35 pad only (0-29)',
        '  layer_1.out  float32  [2, 35, 4]  140 (50%)  −3 … 4  sample 0: 35/35, 5 of 5 real (0-34)',
        '  1 cannot hold NaN (int64)',
        '',
        'traits/anxiety.safetensors  1 tensor without NaN, 1 cannot hold NaN (int64), −3 … 4',
        '',
        'Not opened, because pickles are code that runs when they are loaded: traits/old.pt. To scan one, convert it where you trust it:',
        'safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors").',
        '',
        '1 of 2 files holds NaN: traits/obedience.safetensors. 1 pickle was not opened.',
        '',
      ].join('\n'),
    );
    expect([code, err]).toEqual([1, '']);
  });

  it('prints JSON, the same from a process', async () => {
    const place = tree({ 'a.safetensors': padded });
    const { code, out } = await runProcess(['scan', 'a.safetensors', '--axes', 'batch,position,*', '--json'], {
      cwd: place,
    });
    expect(code).toBe(1);
    const [sample, whole] = ['0-29', '0-34'].map((at) => ({
      kind: 'samples',
      samples: 2,
      positions: 35,
      nan: { count: 1, at: '0' },
      inf: { count: 0, at: '' },
      mask: null,
      list: [{ sample: 0, nan: { count: at === '0-29' ? 30 : 35, at }, inf: { count: 0, at: '' } }],
      leftOut: 0,
    }));
    const tensor = {
      dtype: 'float32',
      shape: [2, 35, 4],
      elements: 280,
      state: 'counted',
      posInf: 0,
      negInf: 0,
      min: -3,
      max: 4,
    };
    const axes = ['batch', 'position', '*'];
    expect(JSON.parse(out)).toEqual({
      schemaVersion: 1,
      kind: 'scan',
      verdict: '1 of 1 file holds NaN: a.safetensors.',
      totals: {
        files: 1,
        filesWithNaN: 1,
        filesWithInf: 0,
        filesFailed: 0,
        tensors: 3,
        tensorsWithNaN: 2,
        elements: 560,
        nan: 260,
        posInf: 0,
        negInf: 0,
        bytes: padded.length,
      },
      files: [
        {
          file: 'a.safetensors',
          format: 'safetensors',
          bytes: padded.length,
          notes: [],
          tensors: [
            { name: 'layer_0.out', ...tensor, nan: 120, axes, where: sample },
            { name: 'layer_1.out', ...tensor, nan: 140, axes, where: whole },
            {
              name: 'attention_mask',
              dtype: 'int64',
              shape: [2, 35],
              elements: 70,
              state: 'none-possible',
              nan: 0,
              posInf: 0,
              negInf: 0,
              min: null,
              max: null,
              axes: null,
              where: null,
            },
          ],
        },
      ],
      notRead: [],
    });
  });

  it('without axes tells the first axis only, and how to learn more', async () => {
    const { out } = await here(tree({ 'a.safetensors': padded }), 'a.safetensors');
    expect(out).toContain('120 (43%)  −3 … 4  1/2 along axis 0 (0)');
    expect(out).toContain('--axes batch,position,…');
  });

  it('ends with 0 for no NaN, and for infinities alone', async () => {
    const place = tree({ 'a.safetensors': clean, 'b.npy': infinite });
    expect(await here(place, 'a.safetensors')).toMatchObject({ code: 0, err: '' });
    const { code, out } = await here(place, 'b.npy');
    expect(code).toBe(0);
    expect(out).toContain('inf 1/3 along axis 0 (1)');
    expect(out).toContain('No NaN in 1 file. 1 holds infinities and no NaN: b.npy.');
  });

  it('goes on behind a damaged file; that alone is no all-clear and ends with 2', async () => {
    const place = tree({ 'a.safetensors': padded, 'b.safetensors': clean, 'damaged.npy': damaged });
    const both = await here(place, '.');
    expect(both.code).toBe(1);
    expect(both.out).toContain(message);
    expect(both.out).toContain('1 could not be read: damaged.npy.');
    const alone = await here(place, 'damaged.npy', 'b.safetensors', '--json');
    expect(alone.code).toBe(2);
    expect(JSON.parse(alone.out)).toMatchObject({
      verdict: 'No NaN in 1 file. 1 could not be read: damaged.npy.',
      totals: { filesFailed: 1 },
      files: [{ file: 'damaged.npy', error: { code: 'bad-inputs-file', message } }, { file: 'b.safetensors' }],
    });
  });

  it('prints Markdown', async () => {
    const { code, out } = await here(tree({ 'a|b.safetensors': padded }), '.', '--markdown', '--mask=attention_mask');
    expect(code).toBe(1);
    expect(out).toContain(
      '| `layer_0.out` | float32 | \\[2, 35, 4\\] | **120 (43%)** | 0 | 0 | −3 … 4 | sample 0: 30/35 pad only (0-29) |',
    );
    // A name closes no cell and no heading.
    expect(out).toContain('## <code>a&#124;b&#46;safetensors</code>');
  });

  it('refuses pickles with the way out', async () => {
    const place = tree({ 'model.pt': 'x', 'folder/more.bin': 'x' });
    const { code, out } = await here(place, 'model.pt');
    expect(code).toBe(2);
    expect(out).toContain('model.pt is not opened: such files are pickles, and a pickle is code');
    expect(out).toContain('save_file(torch.load(FILE, weights_only=True)');
    const { code: folderCode, err } = await here(place, 'folder');
    expect(folderCode).toBe(2);
    expect(err).toContain('only pickles (1), which are code and are not opened.');
  });

  it.each([
    [[], 'Which files?'],
    [['nowhere.npy'], 'does not exist'],
    [['.'], 'There is no .npy, .npz or .safetensors file.'],
    [['--axes=batch,hidden', '.'], 'name "hidden"'],
    [['--json', '--markdown', '.'], '--json and --markdown exclude each other.'],
  ])('%j ends with 2', async (args, words) => {
    const { code, out, err } = await here(tree({}), ...args);
    expect(code).toBe(2);
    expect(out + err).toContain(words);
  });

  it('tells a failure as JSON', async () => {
    const { out } = await here(tree({}), 'nowhere', '--json');
    expect(failureSchema.parse(JSON.parse(out)).error.code).toBe('file-not-found');
  });

  it('writes names that could drive a terminal visibly', async () => {
    const stored = safetensors({ '\u001b]0;title\u0007': hidden(() => true) });
    const place = tree({ 'a\u001b[31m.safetensors': stored });
    for (const how of ['--all', '--markdown', '--json']) {
      const { out } = await here(place, '.', how);
      expect(Array.from(out).filter((one) => one < ' ' && one !== '\n')).toEqual([]);
    }
  });

  it('ends with 3 when it is interrupted, with one sentence', async () => {
    const stop = new AbortController();
    const { code, err } = await runHere(['scan', join(tree({ 'a.safetensors': padded }), 'a.safetensors')], {
      work: {
        scan: (files, request, _, signal) => {
          const events = {
            onProgress: () => {
              stop.abort();
            },
          };
          return scan(files, request, events, signal);
        },
      },
      files: nodeFiles,
      signal: stop.signal,
    });
    expect(code).toBe(3);
    expect(err).toContain('cancelled');
  });
});
