/** Which session is told what of break on first NaN, and what a person sees of it. */
import { describe, expect, it } from 'vitest';
import { GuardControl } from '../../../src/app/live/guardControl';
import type { FrameRef, GuardOptions, NanGuard } from '../../../src/app/live/ports';
import { NanoscopeError } from '../../../src/core/errors';
import type { GuardHit, GuardStatus, GuardView } from '../../../src/core/live/guard';

const hit: GuardHit = {
  level: 'ops',
  op: 'softmax',
  module: { path: 'layers.0', class: 'Attention', root: 'Model' },
  at: { file: '/m.py', line: 3, function: 'forward' },
  inputs: [],
  output: {
    name: 'output',
    type: 'Tensor',
    shape: [1],
    dtype: 'float32',
    counts: { nan: 1, posInf: 0, negInf: 0 },
    min: null,
    max: null,
    skipped: null,
    nanAt: null,
    padding: null,
  },
  mechanism: 'fully-masked-row',
  why: '',
  thread: 'MainThread',
  pid: 1,
  stop: 'line',
};

/** The guard of a program that finds its NaN when the test says so. */
class Program implements NanGuard {
  readonly told: string[] = [];
  armed: GuardOptions | null = null;
  hits: GuardHit[] = [];
  /** Without a frame nothing is taken, as adapters other than debugpy do. */
  needsFrame = false;
  broken = false;
  /** Takes what it is told, but its answer comes too late. */
  late = false;

  arm(frame: FrameRef | null, options: GuardOptions): Promise<GuardStatus | null> {
    this.told.push(`arm ${String(frame?.frameId ?? 'running')} ${options.level}`);
    if (this.broken || (this.needsFrame && frame === null))
      return Promise.reject(new NanoscopeError('debugger', 'No.', ''));
    this.armed = options;
    this.hits = [];
    if (this.late) return Promise.reject(new NanoscopeError('debugger', 'Too late.', ''));
    return Promise.resolve(frame === null ? null : this.now());
  }

  disarm(frame: FrameRef | null): Promise<void> {
    this.told.push(`disarm ${String(frame?.frameId ?? 'running')}`);
    this.armed = null;
    return Promise.resolve();
  }

  status({ frameId }: FrameRef): Promise<GuardStatus | null> {
    this.told.push(`status ${String(frameId)}`);
    return Promise.resolve(this.armed === null && this.hits.length === 0 ? null : this.now());
  }

  finds(): void {
    this.armed = null;
    this.hits = [hit];
  }

  private now(): GuardStatus {
    return {
      armed: this.armed !== null,
      waiting: false,
      level: this.armed?.level ?? 'ops',
      modes: 'dispatch',
      checked: 7,
      errors: 0,
      lastError: null,
      sickInputs: { count: 0, first: null },
      left: 0,
      hits: this.hits,
    };
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function control(on = true): { readonly guard: GuardControl; readonly views: GuardView[]; readonly logged: string[] } {
  const views: GuardView[] = [];
  const logged: string[] = [];
  const guard = new GuardControl(
    { on, level: 'ops' },
    { changed: (view) => views.push(view), log: (what) => logged.push(what) },
  );
  return { guard, views, logged };
}

describe('break on first NaN', () => {
  it('arms a session as it begins, and shows what it found when it stops', async () => {
    const { guard, views } = control();
    const program = new Program();
    guard.began({ id: 'a', name: 'train', guard: program });
    await settled();
    expect(program.told).toEqual(['arm running ops']);
    expect(program.armed).toEqual({ level: 'ops', once: true, stop: true });
    expect(guard.view.watching).toEqual(['train']);

    program.finds();
    guard.stopped('a', { frameId: 5 });
    await settled();
    expect(program.told).toEqual(['arm running ops', 'status 5']);
    expect(guard.view).toMatchObject({ on: true, watching: [], hits: [{ op: 'softmax', sessionName: 'train' }] });
    expect(views.at(-1)).toEqual(guard.view);
  });

  it('a session that found one is not armed again, until that is asked for', async () => {
    const { guard } = control();
    const program = new Program();
    guard.began({ id: 'a', name: 'train', guard: program });
    await settled();
    program.finds();
    guard.stopped('a', { frameId: 5 });
    await settled();
    guard.goesOn('a');
    guard.stopped('a', { frameId: 6 });
    await settled();
    expect(program.told).toEqual(['arm running ops', 'status 5', 'status 6']);
    expect(guard.view.hits).toHaveLength(1);

    guard.set(true);
    await settled();
    expect(program.told.at(-1)).toBe('arm 6 ops');
    expect(guard.view).toMatchObject({ watching: ['train'], hits: [] });
  });

  it('costs a session nothing while it is off, and leaves nothing when it is switched off', async () => {
    const { guard } = control(false);
    const program = new Program();
    guard.began({ id: 'a', name: 'train', guard: program });
    guard.stopped('a', { frameId: 1 });
    await settled();
    expect(program.told).toEqual([]);

    guard.goesOn('a');
    guard.set(true, 'modules');
    await settled();
    guard.set(false);
    await settled();
    expect(program.told).toEqual(['arm running modules', 'disarm running']);
    expect(program.armed).toBeNull();
    guard.stopped('a', { frameId: 2 });
    await settled();
    expect(program.told).toHaveLength(2);
  });

  it('arms at the first stop where a running program cannot be told, and says why where that fails as well', async () => {
    const { guard } = control();
    const program = new Program();
    program.needsFrame = true;
    guard.began({ id: 'a', name: 'train', guard: program });
    await settled();
    expect(guard.view).toMatchObject({ watching: [], problem: null });
    guard.stopped('a', { frameId: 1 });
    await settled();
    expect(guard.view.watching).toEqual(['train']);

    const broken = new Program();
    broken.broken = true;
    guard.began({ id: 'b', name: 'other', guard: broken });
    guard.stopped('b', { frameId: 2 });
    await settled();
    expect(guard.view).toMatchObject({ watching: ['train'], problem: 'No.' });
    guard.ended('b');
    expect(guard.view.problem).toBeNull();
  });

  it('arms at a stop what the program did not take while it ran', async () => {
    const { guard } = control();
    const program = new Program();
    guard.began({ id: 'a', name: 'train', guard: program });
    await settled();
    // It was told before Python was ready, and lost it.
    program.armed = null;
    guard.stopped('a', { frameId: 1 });
    await settled();
    await settled();
    expect(program.told).toEqual(['arm running ops', 'status 1', 'arm 1 ops']);
    expect(guard.view.watching).toEqual(['train']);
  });

  it.each([null, { frameId: 1 }])(
    'is taken out of a program whose answer came too late, told in frame %j',
    async (frame) => {
      const { guard } = control();
      const program = new Program();
      program.late = true;
      guard.began({ id: 'a', name: 'train', guard: program });
      if (frame) guard.stopped('a', frame);
      await settled();
      expect(program.armed).not.toBeNull();
      guard.set(false);
      await settled();
      expect(program.armed).toBeNull();
      // Told while it ran, it is asked once more where it can answer, and then no more.
      guard.stopped('a', { frameId: 2 });
      await settled();
      guard.stopped('a', { frameId: 3 });
      await settled();
      expect(program.told.slice(frame ? 2 : 1)).toEqual(frame ? ['disarm 1'] : ['disarm running', 'disarm 2']);
    },
  );

  it('keeps sessions apart, and what a session found after its end', async () => {
    const { guard } = control();
    const [first, second] = [new Program(), new Program()];
    guard.began({ id: 'a', name: 'parent', guard: first });
    guard.began({ id: 'b', name: 'child', guard: second });
    await settled();
    second.finds();
    guard.stopped('b', { frameId: 1 });
    await settled();
    expect(guard.view).toMatchObject({ watching: ['parent'], hits: [{ session: 'b', sessionName: 'child' }] });
    guard.ended('b');
    first.finds();
    guard.stopped('a', { frameId: 2 });
    await settled();
    expect(guard.view.hits.map(({ sessionName }) => sessionName)).toEqual(['parent', 'child']);
  });

  it('the newest wish wins when it changes faster than a program answers', async () => {
    const { guard } = control();
    const program = new Program();
    guard.began({ id: 'a', name: 'train', guard: program });
    guard.set(false);
    guard.set(true, 'modules');
    await settled();
    expect(program.armed?.level).toBe('modules');
    expect(guard.view.watching).toEqual(['train']);
    guard.set(false);
    guard.set(true, 'ops');
    guard.set(false);
    await settled();
    expect(program.armed).toBeNull();
  });
});
