/** `node dist/cli.js` as people and CI run it: real models, the real engine, real pipes and signals. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Report } from '../../src/core/report';
import { cliBundle, endWithTest, runProcess, type AsProcess, type Outcome } from '../support/cliHarness';
import { appliedReportSchema, failureSchema, reportSchema } from '../support/reportSchema';
import { unsafe } from '../support/unsafeText';

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures', 'pytorch');

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope cli '));
  await cliBundle();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder with these fixtures in it. */
function workplace(...names: string[]): string {
  const place = mkdtempSync(join(folder, 'w'));
  for (const name of names) copyFileSync(join(fixtures, name), join(place, name));
  return place;
}

const run = (args: readonly string[], options: AsProcess = {}): Promise<Outcome> =>
  runProcess(args, { cwd: folder, ...options });

async function report(
  args: readonly string[],
  options: AsProcess = {},
): Promise<{ code: number | null; report: Report }> {
  const { code, out, err } = await run([...args, '--json'], options);
  expect(err).toBe('');
  return { code, report: reportSchema.parse(JSON.parse(out)) as Report };
}

async function failure(
  args: readonly string[],
  options: AsProcess = {},
): Promise<{ code: number | null; error: string }> {
  const words = await run(args, options);
  expect(words.out).toBe('');
  // One sentence and what to do.
  expect(words.err).toMatch(/^nanoscope: \S[^]*\n {2}\S[^]*\n$/);
  expect(words.err).not.toMatch(/\n\s+at |Error:/);
  expect(words.err).not.toMatch(unsafe);
  const json = await run([...args, '--json'], options);
  expect(json.err).toBe('');
  expect(json.code).toBe(words.code);
  return { code: json.code, error: failureSchema.parse(JSON.parse(json.out)).error.code };
}

const a1 = 'a1_mla_leftpad_inf_add_op13';
const a3 = 'a3_mla_leftpad_finfo_min_op13';

describe('the investigation', () => {
  it('is the table, for the built-in model', async () => {
    const { code, out, err } = await run(['diagnose', 'builtin:kimi-k2-mini?layers=2', '--no-fixes']);
    expect(err).toBe('');
    expect(code).toBe(1);
    const cells = tableOf(out);
    expect(cells.get('embed_tokens')).toEqual(['0/35', '0/35']);
    expect(cells.get('layer 0 input_layernorm')).toEqual(['0/35', '0/35']);
    expect(cells.get('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
    expect(cells.get('layer 0 mlp')).toEqual(['30/35 pad only', '0/35']);
    expect(cells.get('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
    expect(cells.get('logits')).toEqual(['35/35', '0/35']);
    expect(out).toMatch(/layer 0 {2}attention .*← NaN born here: Softmax, 30 fully masked rows/);
    expect(out).toMatch(/layer 1 {2}attention .*← NaN \+ \(−inf\) = NaN/);
  });

  it('is the same with 61 layers', async () => {
    const { code, out } = await run([
      'diagnose',
      'builtin:kimi-k2-mini?layers=61',
      '--no-fixes',
      '--rows',
      '0,1,15,33',
    ]);
    expect(code).toBe(1);
    const cells = tableOf(out);
    expect(cells.get('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
    for (const layer of [1, 15, 33]) {
      expect(cells.get(`layer ${String(layer)} attention`)?.[0]).toMatch(/^35\/35/);
      expect(cells.get(`layer ${String(layer)} attention`)?.[1]).toBe('0/35');
    }
    expect(cells.get('logits')).toEqual(['35/35', '0/35']);
  });

  it('ends with 0 for the finite mask', async () => {
    const { code, report: clean } = await report([
      'diagnose',
      'builtin:kimi-k2-mini?layers=2&attention=finfo-min',
      '--no-fixes',
    ]);
    expect(code).toBe(0);
    expect(clean.origins).toEqual([]);
  });

  it('is written as a person would write it', async () => {
    const { code, out } = await run(['diagnose', 'builtin:kimi-k2-mini?layers=2', '--markdown']);
    expect(code).toBe(1);
    for (const title of [
      'TL;DR',
      'Batch',
      'Where NaN is',
      'From birth to the outputs',
      'Cause',
      'Fixes',
      'Reproduce',
    ]) {
      expect(out).toContain(`\n## ${title}\n`);
    }
    expect(out).toContain('nanoscope diagnose');
    expect(out).toMatch(/\| \*\*heals\*\* \|/);
  });
});

const truth = z
  .record(
    z.string(),
    z.object({
      node: z.string().nullable(),
      births: z.array(z.string()),
      positions: z.array(z.string()),
      output_nan_positions: z.array(z.string()),
    }),
  )
  .parse(JSON.parse(readFileSync(join(fixtures, 'truth.json'), 'utf8')));

describe('models from PyTorch', () => {
  it.each(Object.entries(truth))('%s', async (name, expected) => {
    const model = join(fixtures, `${name}.onnx`);
    const { code, report: found } = await report([
      'diagnose',
      model,
      '--inputs',
      join(fixtures, `${name}.inputs.npz`),
      '--no-fixes',
    ]);
    expect(code).toBe(expected.node === null ? 0 : 1);
    expect([...new Set(found.origins.map((origin) => origin.node))].sort()).toEqual([...expected.births].sort());
    if (expected.node !== null) {
      expect(found.origins[0]).toMatchObject({ node: expected.node, positions: expected.positions });
    }
    expect(found.outputs[0]?.nanAt).toEqual(expected.output_nan_positions);
  });
});

describe('lengths beside an inputs file', () => {
  const model = join(fixtures, 'c1_log_negative_ffn_op13.onnx');
  const args = ['diagnose', model, '--inputs', join(fixtures, 'c1_log_negative_ffn_op13.inputs.npz'), '--no-fixes'];

  it('say which positions are real where the model has no mask', async () => {
    const { batch } = (await report([...args, '--lengths', '4,14,0', '--pad', 'right'])).report;
    expect(batch.roles).toEqual(['rrrrpppppppppp', 'r'.repeat(14), 'p'.repeat(14)]);
    expect(batch.rolesFrom).toContain('lengths');
    const { out } = await run([...args, '--lengths', '4,14,0', '--pad', 'right']);
    expect(out).toContain('padding right, none, all;');
  });

  it('must fit the file', async () => {
    expect(await failure([...args, '--lengths', '4,14'])).toEqual({ code: 2, error: 'bad-input' });
    expect(await failure([...args, '--lengths', '4,14,15'])).toEqual({ code: 2, error: 'bad-input' });
  });

  it('are told in the report, with the file, so that the batch can be fed again', async () => {
    const lengths = ['--lengths', '4,14,9', '--pad', 'left'];
    const { batch } = (await report([...args, ...lengths])).report;
    expect(batch.source).toEqual({
      kind: 'file',
      name: 'c1_log_negative_ffn_op13.inputs.npz',
      lengths: [4, 14, 9],
      pad: 'left',
    });
    const made = (await report(['diagnose', model, '--lengths', '3,5', '--seed', '9', '--no-fixes'])).report;
    expect(made.batch.source).toEqual({ kind: 'lengths', lengths: [3, 5], pad: 'left', seed: 9 });
  });
});

describe('fixes', () => {
  it('are applied, proved and undone', async () => {
    const place = workplace(`${a1}.onnx`, `${a1}.inputs.npz`);
    const batch = ['--inputs', `${a1}.inputs.npz`];
    const here = { cwd: place };
    const applied = await run(['diagnose', `${a1}.onnx`, ...batch, '--apply', 'unmask-rows', '--json'], here);
    expect(applied.err).toBe('');
    const document = appliedReportSchema.parse(JSON.parse(applied.out));
    expect(applied.code).toBe(0);
    expect(document.origins).toEqual([]);
    expect(document.before.origins).toHaveLength(1);
    expect(document.before.fixes?.find((fix) => fix.id === 'unmask-rows')?.verdict).toBe('heals');
    expect(basename(document.applied.file)).toBe(`${a1}.fixed.onnx`);
    expect(readdirSync(place).sort()).toEqual([`${a1}.fixed.onnx`, `${a1}.inputs.npz`, `${a1}.onnx`]);

    // The copy stands alone.
    expect((await run(['diagnose', `${a1}.fixed.onnx`, ...batch, '--no-fixes'], here)).code).toBe(0);
    expect(readFileSync(join(place, `${a1}.onnx`)).equals(readFileSync(join(fixtures, `${a1}.onnx`)))).toBe(true);

    const undone = await run(['undo', `${a1}.fixed.onnx`], here);
    expect(undone).toMatchObject({ code: 0, err: '' });
    expect(undone.out).toContain(`${a1}.fixed.onnx`);
    expect(readdirSync(place).sort()).toEqual([`${a1}.inputs.npz`, `${a1}.onnx`]);
    expect(await failure(['undo', `${a1}.fixed.onnx`], here)).toEqual({ code: 2, error: 'file-not-found' });
  });

  it('heal with both built fixes, and show before and after', async () => {
    const place = workplace(`${a1}.onnx`, `${a1}.inputs.npz`);
    const { code, out, err } = await run(
      [
        'diagnose',
        `${a1}.onnx`,
        '--inputs',
        `${a1}.inputs.npz`,
        '--apply',
        'nan-to-num-softmax',
        '--out',
        'my copy.onnx',
      ],
      { cwd: place },
    );
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out.indexOf('NaN is born')).toBeGreaterThan(0);
    expect(out.indexOf('Applied nan-to-num-softmax')).toBeGreaterThan(out.indexOf('NaN is born'));
    expect(out).toContain("'my copy.onnx'".slice(1, -1));
    expect(readdirSync(place)).toContain('my copy.onnx');
  });

  it('never overwrite a file of yours', async () => {
    const place = workplace(`${a1}.onnx`, `${a1}.inputs.npz`);
    writeFileSync(join(place, `${a1}.fixed.onnx`), 'mine');
    const args = [
      'diagnose',
      `${a1}.onnx`,
      '--inputs',
      `${a1}.inputs.npz`,
      '--no-fixes',
      '--apply',
      'unmask-rows',
      '--json',
    ];
    const { code, out } = await run(args, { cwd: place });
    expect(code).toBe(2);
    expect(failureSchema.parse(JSON.parse(out)).error.code).toBe('would-overwrite');
    expect(readFileSync(join(place, `${a1}.fixed.onnx`), 'utf8')).toBe('mine');
  });

  it('that do not exist are a wrong command line', async () => {
    const { code, out } = await run([
      'diagnose',
      join(fixtures, `${a1}.onnx`),
      '--no-fixes',
      '--apply',
      'magic',
      '--json',
    ]);
    expect(code).toBe(2);
    expect(failureSchema.parse(JSON.parse(out)).error.message).toContain('magic');
  });

  it('of others are not undone', async () => {
    const place = workplace(`${a1}.onnx`);
    expect(await failure(['undo', `${a1}.onnx`], { cwd: place })).toEqual({ code: 2, error: 'not-ours' });
    expect(existsSync(join(place, `${a1}.onnx`))).toBe(true);
  });
});

describe('bad input', () => {
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  it('a model that is not there', async () => {
    expect(await failure(['diagnose', 'nowhere.onnx'])).toEqual({ code: 2, error: 'file-not-found' });
  });

  it('a file that is no model', async () => {
    expect((await failure(['diagnose', file('text.onnx', 'Dear model,\n')])).code).toBe(2);
    expect((await failure(['diagnose', file('empty.onnx', '')])).code).toBe(2);
  });

  it('a truncated model', async () => {
    const bytes = readFileSync(join(fixtures, `${a1}.onnx`));
    for (const part of [0.1, 0.5, 0.99]) {
      const path = file('half.onnx', bytes.subarray(0, Math.floor(bytes.length * part)));
      expect((await failure(['diagnose', path])).code).toBe(2);
    }
  });

  it('a folder', async () => {
    expect((await failure(['diagnose', folder])).code).toBe(2);
  });

  it('inputs that are not there, of another kind, of another shape, or pickled', async () => {
    const model = join(fixtures, `${a1}.onnx`);
    const withInputs = (path: string): Promise<{ code: number | null; error: string }> =>
      failure(['diagnose', model, '--inputs', path]);
    expect(await withInputs('nowhere.npz')).toEqual({ code: 2, error: 'file-not-found' });
    expect((await withInputs(file('inputs.txt', 'x'))).code).toBe(2);
    expect((await withInputs(file('shape.json', '{"input_ids": [[1], [2, 3]]}'))).code).toBe(2);
    expect((await withInputs(file('other.json', '{"nothing": [[1]]}'))).code).toBe(2);
    const header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".padEnd(117) + '\n';
    const pickled = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(header),
      Buffer.from('\x80\x04N.', 'latin1'),
    ]);
    expect((await withInputs(file('pickled.npy', pickled))).code).toBe(2);
  });

  it('a mask that the model does not have', async () => {
    expect((await failure(['diagnose', join(fixtures, `${a1}.onnx`), '--mask', 'no_such_mask'])).code).toBe(2);
  });

  it('an unknown built-in model or option', async () => {
    expect(await failure(['diagnose', 'builtin:kimi'])).toEqual({ code: 2, error: 'usage' });
    expect(await failure(['diagnose', 'builtin:kimi-k2-mini?layers=62'])).toEqual({ code: 2, error: 'usage' });
  });

  it('a wrong command line', async () => {
    expect(await failure(['diagnose', 'm.onnx', '--frob'])).toEqual({ code: 2, error: 'usage' });
  });
});

describe('the engine', () => {
  const big = 'builtin:kimi-k2-mini?layers=61';

  it('is ended after the time that was given', async () => {
    expect(await failure(['diagnose', big, '--timeout', '0.05'])).toEqual({ code: 3, error: 'timeout' });
  });

  it.runIf(process.platform === 'linux')('is ended when it takes more memory than was given', async () => {
    expect(await failure(['diagnose', big, '--memory-limit', '5'])).toEqual({ code: 3, error: 'out-of-memory' });
  });

  it.runIf(process.platform === 'linux').each(['SIGINT', 'SIGTERM'] as const)(
    'is ended by %s, and nothing is left behind',
    async (signal) => {
      let engines: number[] = [];
      const outcome = await run(['diagnose', big, '--json'], {
        during: (child) => {
          // As soon as the engine's process is there, which is in the middle of the work.
          const timer = setInterval(() => {
            engines = childrenOf(child.pid ?? 0);
            if (engines.length > 0) {
              clearInterval(timer);
              child.kill(signal);
            }
          }, 20);
          child.on('exit', () => {
            clearInterval(timer);
          });
        },
      });
      expect(outcome).toMatchObject({ code: 3, err: '' });
      expect(failureSchema.parse(JSON.parse(outcome.out)).error.code).toBe('cancelled');
      expect(engines.length).toBeGreaterThan(0);
      await expect.poll(() => engines.filter(isAlive), { timeout: 5000 }).toEqual([]);
    },
  );
});

/** Process ids from Linux's /proc: name in parentheses, state, then the parent's id. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const status = readFileSync(`/proc/${entry}/stat`, 'latin1');
      return Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]) === parent ? [Number(entry)] : [];
    } catch {
      // It ended while the list was read.
      return [];
    }
  });
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${String(pid)}`);

describe('pipes and terminals', () => {
  // Longer than the 64 KB that a pipe holds, so that the writer meets a closed or a full one.
  const long = 'diagnose "builtin:kimi-k2-mini?layers=16" --no-fixes --json';

  it.runIf(process.platform !== 'win32')('a reader that goes away early is no error', async () => {
    const shell = spawn('/bin/sh', ['-c', `"$0" "$1" ${long} | head -n 1`, process.execPath, await cliBundle()], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    endWithTest(shell, true);
    let out = '';
    let err = '';
    shell.stdout.on('data', (data: Buffer) => (out += data.toString()));
    shell.stderr.on('data', (data: Buffer) => (err += data.toString()));
    await new Promise((resolve) => shell.on('close', resolve));
    expect({ out, err }).toEqual({ out: '{\n', err: '' });
  });

  it.runIf(existsSync('/dev/full')).each<[string, number]>([
    ['models', 3],
    ['models --json', 3],
    ['nosuch --json', 2],
  ])('%s: output that cannot be written is a failure, and said', async (args, code) => {
    const line = `"$0" "$1" ${args} > /dev/full`;
    const { status, stderr } = spawnSync('/bin/sh', ['-c', line, process.execPath, await cliBundle()]);
    expect(stderr.toString()).toContain('Standard output cannot be written: ENOSPC');
    expect(status).toBe(code);
  });

  it.runIf(process.platform !== 'win32')('a long document goes whole into a slow pipe', async () => {
    // Nothing is read for so long that the pipe is full by then.
    const line = `{ "$0" "$1" ${long}; echo $? >&2; } | { sleep 8; cat; }`;
    const shell = spawn('/bin/sh', ['-c', line, process.execPath, await cliBundle()], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    endWithTest(shell, true);
    let out = '';
    let err = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    shell.stderr.on('data', (data: Buffer) => (err += data.toString()));
    await new Promise((resolve) => shell.on('close', resolve));
    expect(err).toBe('1\n');
    expect(out.length).toBeGreaterThan(2 ** 16);
    expect(reportSchema.parse(JSON.parse(out)).model.layers).toBe(16);
  });

  it.runIf(process.platform === 'linux')('shows progress and colour on a terminal, and clears the line', async () => {
    const cli = await cliBundle();
    const script = `import os, pty, sys\nstatus = pty.spawn(sys.argv[1:])\nsys.exit(os.waitstatus_to_exitcode(status))`;
    const { stdout, status } = spawnSync(
      '/usr/bin/python3',
      ['-c', script, process.execPath, cli, 'diagnose', 'builtin:kimi-k2-mini?layers=4', '--no-fixes'],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, TERM: 'xterm' } },
    );
    const text = stdout.toString();
    expect(status).toBe(1);
    expect(text).toMatch(/\r\p{Cc}\[2K\w/u);
    expect(text).toMatch(/\p{Cc}\[3[0-9]m/u);
    // What is on the line of the progress when the report begins: nothing.
    const beforeReport = text.slice(0, text.indexOf('opset'));
    expect(beforeReport.slice(beforeReport.lastIndexOf('\r'))).toMatch(/^\r\p{Cc}\[2K/u);
  });
});

describe('names of files', () => {
  it.each(['with space.onnx', '-dash.onnx', 'it\'s "quoted".onnx', '注意力.onnx'])('%j', async (name) => {
    const place = workplace(`${a3}.inputs.npz`);
    copyFileSync(join(fixtures, `${a3}.onnx`), join(place, name));
    // Options stand before `--`; whatever follows is a name.
    const args = ['diagnose', '--no-fixes', '--inputs', `${a3}.inputs.npz`, '--json', '--', name];
    const { code, out, err } = await run(args, { cwd: place });
    const found = reportSchema.parse(JSON.parse(out));
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(found.model.name).toContain(name);
  });

  it('inputs as JSON with the line endings of Windows', async () => {
    const place = workplace(`${a3}.onnx`);
    const rows = { input_ids: [[1, 2, 3]], attention_mask: [[1, 1, 1]] };
    writeFileSync(join(place, 'batch.json'), `\ufeff${JSON.stringify(rows, null, 2).replaceAll('\n', '\r\n')}\r\n`);
    const { code, out, err } = await run(['diagnose', `${a3}.onnx`, '--inputs', 'batch.json', '--no-fixes'], {
      cwd: place,
    });
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toContain('0/3');
  });
});

describe('save', () => {
  it('writes a built-in model, and replaces nothing without --force', async () => {
    const place = workplace();
    const args = ['save', 'builtin:kimi-k2-mini?layers=1', 'out model.onnx'];
    const saved = await run(args, { cwd: place });
    expect(saved).toMatchObject({ code: 0, err: '' });
    expect(await failure(args, { cwd: place })).toEqual({ code: 2, error: 'would-overwrite' });
    expect((await run([...args, '--force'], { cwd: place })).code).toBe(0);
    expect(readdirSync(place)).toEqual(['out model.onnx']);
    const { report: found } = await report(['diagnose', 'out model.onnx', '--no-fixes'], { cwd: place });
    expect(found.model.layers).toBe(1);
  });

  it('writes the shards of ranks with their list, which is compared with the model', async () => {
    const place = workplace();
    const args = ['save', 'builtin:gpt2-mini?layers=1', 'shards', '--ranks', '2', '--shard', 'moe'];
    const saved = await run(args, { cwd: place });
    expect(saved).toMatchObject({ code: 0, err: '' });
    expect(saved.out).toMatch(
      /^Saved 2 ranks of 2 parts, 1 all-reduce, as .*shards\.json \(weights \S+ kB, \S+ kB\)\n$/,
    );
    expect(readdirSync(join(place, 'shards')).sort()).toEqual(['rank0', 'rank1', 'shards.json']);
    expect(await failure(args, { cwd: place })).toEqual({ code: 2, error: 'would-overwrite' });
    const compared = await run(['compare', 'builtin:gpt2-mini?layers=1', 'shards/shards.json'], { cwd: place });
    expect(compared).toMatchObject({ code: 0, err: '' });
    expect(compared.out).toContain('sharding is not the cause');
  });

  it('says so where it cannot write', async () => {
    expect((await failure(['save', 'builtin:kimi-k2-mini', 'no/such/folder/x.onnx'])).code).toBe(2);
    expect((await failure(['save', 'builtin:kimi-k2-mini', folder, '--force'])).code).toBe(2);
    if (process.getuid?.() !== 0) {
      const locked = join(folder, 'locked');
      mkdirSync(locked);
      chmodSync(locked, 0o500);
      expect((await failure(['save', 'builtin:kimi-k2-mini', join(locked, 'x.onnx')])).code).toBe(2);
    }
  });
});

describe('the rest', () => {
  it('prints the version of the package', async () => {
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(fixtures, '..', '..', '..', 'package.json'), 'utf8')));
    expect(await run(['--version'])).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
  });

  it('lists the built-in models', async () => {
    expect((await run(['models'])).out).toContain('builtin:kimi-k2-mini');
  });
});

/** Stage to cells, from the printed table; two spaces end a column, one inside a cell. */
function tableOf(text: string): Map<string, string[]> {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('stage '));
  const head = lines[start] ?? '';
  const columns = [...head.matchAll(/sample \d+/g)].map((match) => match.index);
  const table = new Map<string, string[]>();
  for (const line of lines.slice(start + 1)) {
    if (line === '') break;
    const cells = columns.map((from, i) => line.slice(from, columns[i + 1]).split('←')[0] ?? '');
    table.set(
      line.slice(0, columns[0]).trim().replace(/\s+/g, ' '),
      cells.map((cell) => cell.trim().replace(/\s+/g, ' ')),
    );
  }
  return table;
}
