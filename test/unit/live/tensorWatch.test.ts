/** Which answers of a program are shown, and how often it is asked. */
import { describe, expect, it } from 'vitest';
import type { FrameRef, TensorReader } from '../../../src/app/live/ports';
import { TensorWatch, type StoppedFrame } from '../../../src/app/live/tensorWatch';
import { NanoscopeError } from '../../../src/core/errors';
import type { LiveDetail, LiveScope, LiveTensor } from '../../../src/core/live/tensor';

const tensor = (path: string, nan: number): LiveTensor => ({
  path,
  name: path,
  origin: 'local',
  library: 'torch',
  type: 'Tensor',
  dtype: 'float32',
  shape: [4],
  device: 'cpu',
  elements: 4,
  requiresGrad: false,
  counts: { nan, posInf: 0, negInf: 0 },
  min: 0,
  max: 1,
  mean: 0.5,
  scanned: null,
  skipped: null,
  note: null,
  sameAs: null,
});
const scopeOf = (...tensors: LiveTensor[]): LiveScope => ({ tensors, more: 0, outOfTime: false, ms: 1 });
const detailOf = (path: string): LiveDetail => ({
  ...tensor(path, 0),
  axes: { sample: null, position: null, why: '' },
  cells: null,
  roles: null,
  histogram: null,
  values: null,
  index: [],
});

/** A program whose answers come when the test says so. */
class Program implements TensorReader {
  readonly asked: string[] = [];
  private readonly answers: (() => void)[] = [];
  busy = 0;
  most = 0;

  constructor(private readonly held: Readonly<Record<number, LiveScope | null | NanoscopeError>>) {}

  scope({ frameId }: FrameRef): Promise<LiveScope | null> {
    return this.later(`scope ${String(frameId)}`, () => {
      const answer = this.held[frameId] ?? null;
      if (answer instanceof NanoscopeError) throw answer;
      return answer;
    });
  }

  detail({ frameId }: FrameRef, expression: string): Promise<LiveDetail | null> {
    return this.later(`detail ${String(frameId)} ${expression}`, () => detailOf(expression));
  }

  /** Lets everything that was asked so far, and what that leads to, be answered. */
  async settle(): Promise<void> {
    for (let rounds = 0; rounds < 20; rounds += 1) {
      for (const answer of this.answers.splice(0)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private later<T>(what: string, answer: () => T): Promise<T> {
    this.asked.push(what);
    this.busy += 1;
    this.most = Math.max(this.most, this.busy);
    return new Promise((resolve, reject) => {
      this.answers.push(() => {
        this.busy -= 1;
        try {
          resolve(answer());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }
}

const frame = (frameId: number, reader: TensorReader | null): StoppedFrame => ({ frameId, session: 'test', reader });
const watching = (): TensorWatch => {
  const watch = new TensorWatch({ budgetMs: () => 100, changed: () => undefined, log: () => undefined });
  watch.watch(true);
  return watch;
};
const shown = (watch: TensorWatch): string[] => watch.state.scope?.tensors.map(({ name }) => name) ?? [];

describe('a watch', () => {
  it('drops what a frame answers that is no longer looked at', async () => {
    const program = new Program({ 1: scopeOf(tensor('old', 0)), 2: scopeOf(tensor('new', 0)) });
    const watch = watching();
    watch.stoppedAt(frame(1, program));
    await new Promise((resolve) => setImmediate(resolve));
    watch.stoppedAt(frame(2, program));
    await program.settle();
    expect(shown(watch)).toEqual(['new']);
    expect(watch.state.phase).toBe('read');
  });

  it('asks nothing of a program that went on while the question waited', async () => {
    const program = new Program({ 1: scopeOf(tensor('x', 0)) });
    const watch = watching();
    watch.stoppedAt(frame(1, program));
    const waiting = watch.detail('x');
    await new Promise((resolve) => setImmediate(resolve));
    watch.stoppedAt(null);
    await program.settle();
    expect(await waiting).toBeNull();
    expect(program.asked).toEqual(['scope 1']);
    expect(watch.state).toMatchObject({ phase: 'idle', scope: null, open: {} });
  });

  it('reads a stop once for all faces, one question at a time', async () => {
    const program = new Program({ 1: scopeOf(tensor('x', 0)) });
    const watch = watching();
    watch.stoppedAt(frame(1, program));
    void watch.scope();
    void watch.scope();
    void watch.detail('x');
    await program.settle();
    expect(program.asked).toEqual(['scope 1', 'detail 1 x']);
    expect(program.most).toBe(1);
  });

  it('reads nothing while nobody looks', async () => {
    const program = new Program({ 1: scopeOf(tensor('x', 0)) });
    const watch = watching();
    watch.watch(false);
    watch.stoppedAt(frame(1, program));
    await program.settle();
    expect(program.asked).toEqual([]);
    watch.watch(true);
    await program.settle();
    expect(shown(watch)).toEqual(['x']);
  });

  it('evaluates only paths that the list shows, and keeps them open over a step', async () => {
    const program = new Program({ 1: scopeOf(tensor('x', 0)), 2: scopeOf(tensor('x', 0)) });
    const watch = watching();
    watch.stoppedAt(frame(1, program));
    await program.settle();
    watch.open('__import__("os").remove("x")');
    watch.open('x');
    await program.settle();
    watch.stoppedAt(frame(2, program));
    await program.settle();
    expect(program.asked).toEqual(['scope 1', 'detail 1 x', 'scope 2', 'detail 2 x']);
    expect(Object.keys(watch.state.open)).toEqual(['x']);
    watch.close('x');
    expect(watch.state.open).toEqual({});
  });

  it('tells when a tracked tensor turned sick, also over frames without it', async () => {
    const program = new Program({
      1: scopeOf(tensor('x', 0)),
      2: scopeOf(tensor('y', 0)),
      3: scopeOf(tensor('y', 0), tensor('x', 3)),
    });
    const watch = watching();
    for (const frameId of [1, 2, 3]) {
      const here = frame(frameId, program);
      watch.stoppedAt(here);
      watch.stands(here, `a.py:${String(frameId)}`);
      await program.settle();
      if (frameId === 1) watch.track('x', true);
    }
    expect(watch.state.tracked).toEqual({
      x: [
        { place: 'a.py:1', condition: 'clean', sickness: '' },
        { place: 'a.py:2', condition: null, sickness: '' },
        { place: 'a.py:3', condition: 'nan', sickness: 'NaN 3' },
      ],
    });
    expect(shown(watch)).toEqual(['x', 'y']);
  });

  it('says what failed, and reads again on request', async () => {
    const program = new Program({ 1: new NanoscopeError('debugger', 'No.', 'Step on.') });
    const watch = watching();
    watch.stoppedAt(frame(1, program));
    await program.settle();
    expect(watch.state).toMatchObject({
      phase: 'failed',
      error: { code: 'debugger', message: 'No.', hint: 'Step on.' },
    });
    watch.refresh();
    await program.settle();
    expect(program.asked).toEqual(['scope 1', 'scope 1']);
  });

  it('names sessions that cannot be read', () => {
    const watch = watching();
    watch.stoppedAt(frame(1, null));
    expect(watch.state).toMatchObject({ phase: 'unsupported', session: 'test' });
  });
});
