/** `nanoscope shrink`: what it writes is small and shows the same birth, by a diagnosis of the files alone. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Graph } from '../../src/core/onnx/graph';
import { cutModel } from '../../src/core/shrink/cut';
import { fewest } from '../../src/core/shrink/fewer';
import { diagnosed, fixture } from '../support/diagnosing';
import { pythonCode } from '../support/python';
import { runProcess } from '../support/cliHarness';
import { distinct, floats, model, node, value } from '../unit/onnx/support';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope-shrink-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Written {
  readonly folder: string;
  readonly uri: string | null;
  readonly origin: { readonly node: string; readonly mechanism: string };
  readonly figures: readonly (readonly [string, string, string])[];
}

async function shrunk(args: readonly string[]): Promise<Written> {
  const { code, out, err } = await runProcess(['shrink', ...args, '--json'], { cwd: folder });
  expect(err).toBe('');
  expect(code, out).toBe(0);
  return JSON.parse(out) as Written;
}

const figure = ({ figures }: Written, what: string): number =>
  Number(figures.find(([name]) => name === what)?.[2] ?? Number.NaN);

describe('nanoscope shrink', () => {
  it.each([
    ['a1_mla_leftpad_inf_add_op13', 'fully-masked-row'],
    ['c1_log_negative_ffn_op13', 'log-of-negative'],
  ])(
    '%s becomes a small model with the same birth',
    async (name, mechanism) => {
      copyFileSync(fixture(`${name}.onnx`), join(folder, `${name}.onnx`));
      copyFileSync(fixture(`${name}.inputs.npz`), join(folder, `${name}.npz`));
      const before = await diagnosed({
        model: join(folder, `${name}.onnx`),
        inputsFile: join(folder, `${name}.npz`),
        fixes: false,
      });
      const written = await shrunk([`${name}.onnx`, '--inputs', `${name}.npz`]);
      expect(written.folder).toBe(join(folder, `${name}.shrunk`));
      expect(readdirSync(written.folder).sort()).toEqual(['inputs.npz', 'model.onnx', 'report.md']);
      const model = join(written.folder, 'model.onnx');
      const inputsFile = join(written.folder, 'inputs.npz');
      const after = await diagnosed({ model, inputsFile, fixes: false });
      const [leading] = before.origins;
      expect(leading?.mechanism).toBe(mechanism);
      expect(after.origins.map((origin) => [origin.node, origin.mechanism])).toContainEqual([leading?.node, mechanism]);
      expect(after.batch.samples).toBe(1);
      // A padded position and a real one: one alone would not show which masks leave the row nothing.
      if (mechanism === 'fully-masked-row') {
        expect(after.batch.roles).toEqual(['pr']);
        expect(after.origins[0]?.evidence.row).toMatchObject({ by: { causal: 1, padding: 1, other: 0 } });
        expect(written.figures).toContainEqual(['heads', '4', '1']);
        expect(after.origins[0]?.evidence.rowsInAllHeads).toBe(1);
      } else
        expect(readFileSync(join(written.folder, 'report.md'), 'utf8')).toContain(
          'Its heads are all there: without the other heads the birth is not the same.',
        );
      expect(after.batch.positions).toBeLessThan(5);
      expect(statSync(model).size).toBeLessThan(statSync(join(folder, `${name}.onnx`)).size * 0.7);
      expect(figure(written, 'samples')).toBe(1);
      const report = readFileSync(join(written.folder, 'report.md'), 'utf8');
      expect(report).toContain(mechanism);
      expect(report).toContain('nanoscope diagnose model.onnx --inputs inputs.npz');
      await pythonCode('import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]))', model);

      // What is there stays there.
      const again = await runProcess(['shrink', `${name}.onnx`, '--inputs', `${name}.npz`, '--json'], { cwd: folder });
      expect(JSON.parse(again.out)).toMatchObject({ error: { code: 'would-overwrite' } });
    },
    240_000,
  );

  it('a built-in model gets smaller through its options first', async () => {
    const written = await shrunk(['builtin:kimi-k2-mini?layers=5', '--lengths', '3,6', '--out', 'kimi']);
    expect(written.uri).toMatch(/layers=1\b/);
    expect(written.uri).toMatch(/heads=1\b/);
    expect(written.origin.mechanism).toBe('fully-masked-row');
    expect(readdirSync(join(folder, 'kimi')).sort()).toEqual(['inputs.npz', 'model.onnx', 'report.md']);
    expect(
      (await diagnosed({ model: written.uri ?? '', lengths: { lengths: [3, 6], pad: 'left', seed: 1 }, fixes: false }))
        .origins[0]?.mechanism,
    ).toBe('fully-masked-row');
  }, 240_000);

  it('says so where no NaN is born', async () => {
    writeFileSync(join(folder, 'none'), '');
    const { code, out } = await runProcess(['shrink', 'builtin:bert-mini', '--lengths', '4,4', '--json'], {
      cwd: folder,
    });
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'usage', message: expect.stringMatching(/No NaN is born/) as string },
    });
  }, 60_000);
});

describe('heads of a file', () => {
  const saved = async (uri: string): Promise<Written> => {
    const file = `${uri.replaceAll(/\W/g, '-')}.onnx`;
    expect((await runProcess(['save', `builtin:${uri}`, file], { cwd: folder })).code).toBe(0);
    return shrunk([file, '--lengths', '2,5']);
  };

  it.each([
    ['keys and values shared by groups of heads', 'llama-mini?layers=1', ['heads', '4', '1']],
    ['weights that stay in their file', 'kimi-k2-mini?layers=1&hidden=256&heads=8', ['heads', '8', '1']],
  ])(
    '%s: one is left',
    async (_, uri, figures) => {
      const written = await saved(uri);
      expect(written.figures).toContainEqual(figures);
      const model = join(written.folder, 'model.onnx');
      const { origins } = await diagnosed({ model, inputsFile: join(written.folder, 'inputs.npz'), fixes: false });
      expect(origins.map(({ node, mechanism }) => [node, mechanism])).toEqual([
        [written.origin.node, 'fully-masked-row'],
      ]);
      expect(origins[0]?.evidence.rowsInAllHeads).toBe(1);
    },
    240_000,
  );

  it('are kept, with the reason, where they are split otherwise', async () => {
    const written = await saved('gpt2-mini?layers=1');
    expect(readFileSync(join(written.folder, 'report.md'), 'utf8')).toMatch(
      /Its heads are all there: what \S+ splits into heads comes from no stored weight\./,
    );
  }, 240_000);
});

describe('parts', () => {
  it('cutting keeps what a value is made of, and nothing else', () => {
    const proto = model({
      input: [value('x', [4]), value('unused', [4])],
      output: [value('y', [4])],
      initializer: [floats('w', distinct(4, 1)), floats('v', distinct(4, 2))],
      node: [
        node('Mul', ['x', 'w'], ['a']),
        node('Relu', ['unused'], ['b']),
        node('Add', ['a', 'v'], ['c']),
        node('Add', ['c', 'b'], ['y']),
      ],
    });
    const cut = cutModel(new Graph(proto), ['a'], () => ({ elemType: 1, rank: 1 })).graph;
    expect(cut?.node.map(({ output }) => output)).toEqual([['a']]);
    expect(cut?.initializer.map(({ name }) => name)).toEqual(['w']);
    expect(cut?.input.map(({ name }) => name)).toEqual(['x']);
    expect(cut?.output.map(({ name }) => name)).toEqual(['a']);
    expect(proto.graph?.node.length).toBe(4);
  });

  it('the fewest that hold: any set, within its budget', async () => {
    for (const wanted of [[3], [0, 9], [2, 5, 6], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
      let asked = 0;
      const holds = (left: readonly number[]): Promise<boolean> => {
        asked += 1;
        return Promise.resolve(wanted.every((one) => left.includes(one)));
      };
      const all = Array.from({ length: 10 }, (_, i) => i);
      expect(await fewest(all, holds, 200)).toEqual(wanted);
      expect(asked).toBeLessThan(60);
      asked = 0;
      const some = await fewest(all, holds, 3);
      expect(wanted.every((one) => some.includes(one))).toBe(true);
      expect(asked).toBeLessThanOrEqual(3);
    }
  });
});
