/** Changes in place where the world says no: no space, no permission, somebody else at the same time. */
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { undo } from '../../../src/app/apply/undo';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { bundle } from '../../support/workerBundle';
import { contents, modelAt } from '../../unit/apply/support';
import { distinct, floats, model as modelOf, node, value } from '../../unit/onnx/support';

const size = 512 * 1024;
const twoMegabytes = modelOf({
  name: 'big',
  input: [value('x', ['batch', size])],
  output: [value('y', ['batch', size])],
  initializer: [floats('a', distinct(size, 1))],
  node: [node('Add', ['x', 'a'], ['y'])],
});

let base = '';
let child = '';
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nanoscope-hostile-'));
  chmodSync(base, 0o755);
  // Where another user can read it too.
  child = join(base, 'applyChild.cjs');
  copyFileSync(await bundle('test/support/applyChild.ts', 'applyChild'), child);
}, 60_000);
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

interface How {
  /** Kilobytes that a file may have. */
  readonly fileLimit?: number;
  readonly user?: number;
  /** Called when the model is read; the change starts when it resolves. */
  readonly ready?: () => Promise<void>;
}

/** What the child said in the end. */
function change(what: 'apply' | 'copy' | 'undo', path: string, how: How = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const limit = how.fileLimit === undefined ? 'unlimited' : String(how.fileLimit);
    const own = spawn('bash', ['-c', `ulimit -f ${limit}; exec "$0" "$@"`, process.execPath, child, what, path], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      ...(how.user !== undefined && { uid: how.user, gid: how.user }),
    });
    let said = 'nothing';
    own.on('error', reject);
    own.on('message', (text: unknown) => {
      if (text !== 'ready') said = typeof text === 'string' ? text : JSON.stringify(text);
      else void (how.ready?.() ?? Promise.resolve()).then(() => own.send('go'));
    });
    own.on('exit', () => {
      resolve(said);
    });
  });
}

describe('in place in a hostile world', () => {
  it.each(['apply', 'copy'] as const)('%s: no room for the new file', async (what) => {
    const folder = join(base, `full-${what}`);
    mkdirSync(folder);
    const path = modelAt(folder, twoMegabytes);
    const before = contents(folder);
    expect(await change(what, path, { fileLimit: 1024 })).toMatch(/larger than a file may be|disk is full/);
    expect(contents(folder)).toEqual(before);
    // Not even room for the lock.
    expect(await change(what, path, { fileLimit: 0 })).toMatch(/larger than a file may be|disk is full/);
    expect(contents(folder)).toEqual(before);
    expect(await change(what, path)).toBe('done');
    await undo({ files }, what === 'apply' ? path : join(folder, 'model.fixed.onnx'));
    expect(contents(folder)).toEqual(before);
  });

  it('a folder that may only be read, a file that may only be read', async () => {
    const user = process.getuid?.() === 0 ? 65534 : undefined;
    const folder = join(base, 'read-only');
    mkdirSync(folder);
    const path = modelAt(folder, twoMegabytes);
    chmodSync(path, 0o666);
    chmodSync(folder, 0o555);
    const before = contents(folder);
    const how = user === undefined ? {} : { user };
    expect(await change('apply', path, how)).toMatch(/permission denied/);
    expect(contents(folder)).toEqual(before);
    chmodSync(folder, 0o777);
    chmodSync(path, 0o444);
    expect(await change('apply', path, how)).toMatch(/write-protected/);
    chmodSync(path, 0o666);
    expect(await change('apply', path, how)).toBe('done');
    chmodSync(path, 0o444);
    expect(await change('undo', path, how)).toMatch(/write-protected/);
    chmodSync(path, 0o666);
    expect(await change('undo', path, how)).toBe('done');
    chmodSync(folder, 0o555);
    expect(contents(folder)).toEqual(before);
    chmodSync(folder, 0o755);
  });

  it('two processes at the same moment: one does it, the other says why not', async () => {
    const folder = join(base, 'two');
    mkdirSync(folder);
    const path = modelAt(folder, twoMegabytes);
    const before = contents(folder);
    let waiting = 0;
    let open: () => void = () => undefined;
    const bothReady = new Promise<void>((resolve) => (open = resolve));
    const ready = (): Promise<void> => {
      waiting += 1;
      if (waiting === 2) open();
      return bothReady;
    };
    const said = await Promise.all([change('apply', path, { ready }), change('apply', path, { ready })]);
    expect(said).toContain('done');
    expect(said.find((text) => text !== 'done')).toMatch(/Another NaNoscope|was changed while/);
    await undo({ files }, path);
    expect(contents(folder)).toEqual(before);
  });
});
