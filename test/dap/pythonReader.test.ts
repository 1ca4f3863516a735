/** Tensors of a real program, stopped by a real debugpy. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LiveScope, LiveTensor } from '../../src/core/live/tensor';
import { PythonReader } from '../../src/debug/pythonReader';
import { Debuggee } from './support';

let running: Debuggee | undefined;
const start = async (program: string, args: readonly string[] = []): Promise<[Debuggee, PythonReader]> => {
  running = await Debuggee.start(program, args);
  return [running, new PythonReader(running.evaluate)];
};
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const budget = { budgetMs: 2000 };
const byPath = (scope: LiveScope | null, path: string): LiveTensor => {
  const found = scope?.tensors.find((tensor) => tensor.path === path);
  if (!found) throw new Error(`${path} is not among ${String(scope?.tensors.map((tensor) => tensor.path))}`);
  return found;
};

describe('a decoder that is stopped behind its softmax', () => {
  it('shows NaN at the pad rows in layer 0 and everywhere in sample 0 in layer 1', async () => {
    const [program, reader] = await start('decoder.py');
    const first = await reader.scope(await program.frame(), budget);
    // 30 fully masked rows of 35 keys in 2 heads.
    expect(byPath(first, 'probs')).toMatchObject({
      dtype: 'float32',
      shape: [2, 2, 35, 35],
      device: 'cpu',
      elements: 4900,
      counts: { nan: 30 * 35 * 2, posInf: 0, negInf: 0 },
      min: 0,
      max: 1,
    });
    // Strictly above the diagonal.
    expect(byPath(first, 'causal').counts).toEqual({ nan: 0, posInf: 0, negInf: (35 * 34) / 2 });
    expect(byPath(first, 'padding').counts).toEqual({ nan: 0, posInf: 0, negInf: 30 });
    expect(byPath(first, 'hidden').counts?.nan).toBe(0);
    expect(byPath(first, 'attention_mask')).toMatchObject({ dtype: 'int64', min: 0, max: 1 });
    expect(byPath(first, 'self.qkv.weight')).toMatchObject({
      origin: 'parameter',
      shape: [48, 16],
      requiresGrad: true,
    });

    await program.next();
    const second = await reader.scope(await program.frame(), budget);
    expect(byPath(second, 'probs').counts?.nan).toBe(35 * 35 * 2);
    expect(byPath(second, 'hidden').counts?.nan).toBe(30 * 16);
    expect(await program.finish()).toBe(0);
  });

  it('splits pad from real tokens by the mask that is in scope', async () => {
    const [program, reader] = await start('decoder.py');
    const detail = await reader.detail(await program.frame(), 'probs', budget);
    const row = 35 * 2;
    expect(detail?.axes).toMatchObject({ sample: 0, position: 2 });
    expect(detail?.cells?.nan).toEqual([
      [...Array<number>(30).fill(row), ...Array<number>(5).fill(0)],
      Array<number>(35).fill(0),
    ]);
    expect(detail?.roles).toEqual({ from: 'attention_mask', rows: ['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)] });
    // Finite probabilities: 40 rows of 35 keys in 2 heads.
    expect(detail?.histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(40 * 35 * 2);
    expect(detail?.values?.[0]?.[0]).toBe('NaN');
    const real = await reader.detail(await program.frame(), 'probs', { ...budget, index: [1, 0] });
    expect(real?.index).toEqual([1, 0]);
    // The first token attends to itself alone.
    expect(real?.values?.[0]?.slice(0, 3)).toEqual([1, 0, 0]);
  });

  it('reads the frames above as well, and leaves every frame as it was', async () => {
    const [program, reader] = await start('decoder.py');
    const top = await program.frame();
    const before = await program.localNames(top.frameId);
    const above = await program.frame(1);
    const scope = await reader.scope(top, budget);
    await reader.detail(top, 'probs', budget);
    expect(await program.localNames(top.frameId)).toEqual(before);
    expect(scope?.tensors.some(({ name }) => name === 'model')).toBe(false);
    // torch.nn.Module.__call__ stands between the two frames of the program.
    const scopeAbove = await reader.scope(above, budget);
    expect(scopeAbove?.tensors.length).toBeGreaterThan(0);
    await program.next();
    expect(await program.finish()).toBe(0);
  });

  it('gives part of a tensor by an expression, null for what is none, and says what was raised', async () => {
    const [program, reader] = await start('decoder.py');
    const frame = await program.frame();
    expect(await reader.detail(frame, 'probs[0, 0]', budget)).toMatchObject({ shape: [35, 35], counts: { nan: 1050 } });
    expect(await reader.detail(frame, 'self.heads', budget)).toBeNull();
    await expect(reader.detail(frame, 'no_such_name', budget)).rejects.toThrow(/NameError.*no_such_name/);
    await expect(reader.detail(frame, 'probs[', budget)).rejects.toThrow(/SyntaxError/);
  });
});

describe('other programs', () => {
  it('a program without tensors is told in one request, and gets no helper', async () => {
    const [program] = await start('plain.py');
    const asked: string[] = [];
    const reader = new PythonReader(async (request) => {
      asked.push(request.expression);
      return program.evaluate(request);
    });
    const { frameId } = await program.frame();
    expect(await reader.scope({ frameId }, budget)).toBeNull();
    expect(asked).toHaveLength(1);
    const { result } = await program.evaluate({
      expression: "'_nanoscope' in __import__('sys').modules",
      frameId,
      context: 'clipboard',
    });
    expect(result).toBe('False');
  });
});
