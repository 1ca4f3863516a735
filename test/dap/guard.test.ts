/** A real program that stops at its first NaN, under a real debugpy. */
import { afterEach, describe, expect, it } from 'vitest';
import { hitPlace } from '../../src/app/render/hit';
import type { Evaluate } from '../../src/app/live/ports';
import type { GuardLevel } from '../../src/core/live/guard';
import { PythonGuard } from '../../src/debug/pythonGuard';
import { PythonReader } from '../../src/debug/pythonReader';
import { Debuggee } from './support';

let running: Debuggee | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const options = (level: GuardLevel) => ({ level, once: true, stop: true });

/** Armed before the program's first line, as the editor does. */
async function launch(program: string, args: readonly string[], level: GuardLevel): Promise<[Debuggee, PythonGuard]> {
  running = await Debuggee.start(program, args, async (evaluate) => {
    await new PythonGuard(evaluate).arm(null, options(level));
  });
  return [running, new PythonGuard(running.evaluate)];
}

const softmaxLine = 19;

describe('a decoder whose padding masks whole rows', () => {
  it('stops in the line of the softmax, armed before launch, and names op, module and reason', async () => {
    const [program, guard] = await launch('decoder.py', [], 'ops');
    const frame = await program.frame();
    expect(frame).toMatchObject({ line: softmaxLine, name: expect.stringContaining('forward') as string });
    const status = await guard.status(frame);
    expect(status).toMatchObject({ armed: false, waiting: false, level: 'ops', errors: 0 });
    const [hit] = status?.hits ?? [];
    if (!hit) throw new Error('no hit');
    expect(hitPlace(hit)).toBe('softmax in layers.0 (Attention)');
    expect(hit).toMatchObject({
      op: 'softmax',
      mechanism: 'fully-masked-row',
      // 30 pad rows in each of 2 heads, of 2 samples with 35 rows each.
      why: 'softmax over axis -1: 60 of 140 rows hold nothing but -Inf, so the sum below is 0.',
      stop: 'line',
      at: { line: softmaxLine, function: 'forward' },
      output: { shape: [2, 2, 35, 35], counts: { nan: 30 * 35 * 2 }, nanAt: ['0-29', ''], padding: 'exactly' },
    });
    expect(hit.at?.file).toMatch(/decoder\.py$/);
    expect(hit.inputs.map(({ counts }) => counts?.nan)).toEqual([0]);
  });

  it('goes on to the end as without a guard, and every frame can be read meanwhile', async () => {
    const [program, guard] = await launch('decoder.py', [], 'ops');
    const scope = await new PythonReader(program.evaluate).scope(await program.frame(), { budgetMs: 2000 });
    expect(scope?.tensors.find(({ path }) => path === 'scores')?.counts).toMatchObject({ nan: 0 });
    expect(scope?.tensors.some(({ path }) => path === 'probs')).toBe(false);
    // Its own breakpoints, in both layers, come after the hit.
    await program.next();
    expect((await program.frame()).line).toBe(softmaxLine + 2);
    expect((await guard.status(await program.frame()))?.hits).toHaveLength(1);
    await program.next();
    // The mode was at work when the program stopped in it: it is off since the end of that module's call.
    expect(await guard.status(await program.frame())).toMatchObject({ armed: false, left: 0 });
    expect(await program.finish()).toBe(0);
    expect(program.output).toMatch(/^done \[35, 0\]\r?\n$/);
  });

  it('stops at the module at level modules', async () => {
    const [program, guard] = await launch('decoder.py', [], 'modules');
    // The breakpoint inside of layer 0 comes before its end.
    await program.next();
    const frame = await program.frame();
    expect(frame.line).toBe(34);
    const [hit] = (await guard.status(frame))?.hits ?? [];
    expect(hit && hitPlace(hit)).toBe('layers.0 (Attention)');
  });

  it('NaN that was there when it was armed is not taken for its first', async () => {
    running = await Debuggee.start('decoder.py');
    const guard = new PythonGuard(running.evaluate);
    const first = await running.frame();
    expect(await guard.status(first)).toBeNull();
    expect(await guard.arm(first, options('ops'))).toMatchObject({ armed: true, hits: [], modes: 'dispatch' });
    await running.next();
    expect((await running.frame()).line).toBe(softmaxLine + 2);
    expect(await guard.status(await running.frame())).toMatchObject({ armed: true, hits: [] });
    expect(await running.finish()).toBe(0);
  });
});

const divideLine = 12;

describe('a program', () => {
  it('is armed at a stop, and no longer after disarming', async () => {
    running = await Debuggee.start('guarded.py', ['line']);
    const guard = new PythonGuard(running.evaluate);
    await guard.arm(await running.frame(), options('ops'));
    await running.next();
    expect((await running.frame()).line).toBe(divideLine);
    expect(await running.finish()).toBe(0);
    await running.end();

    running = await Debuggee.start('guarded.py', ['line']);
    const other = new PythonGuard(running.evaluate);
    await other.arm(await running.frame(), options('ops'));
    await other.disarm(await running.frame());
    expect(await other.status(await running.frame())).toMatchObject({ armed: false, left: 0 });
    expect(await running.finish()).toBe(0);
  });

  it('is armed and disarmed while it runs', async () => {
    running = await Debuggee.run('guarded.py', ['running']);
    const guard = new PythonGuard(running.evaluate);
    await guard.arm(null, options('modules'));
    await running.stops();
    expect((await running.frame()).line).toBe(21);
    expect(await guard.status(await running.frame())).toMatchObject({ hits: [{ module: { path: 'inner' } }] });
    expect(await running.finish()).toBe(0);
  });

  it('stops in the thread that made it, while the other one waits, and both end', async () => {
    const [program, guard] = await launch('guarded.py', ['threads'], 'ops');
    const frame = await program.frame();
    expect(frame.line).toBe(divideLine);
    expect((await guard.status(frame))?.hits).toMatchObject([{ thread: 'sick', op: 'div', module: { path: 'inner' } }]);
    expect(await program.finish()).toBe(0);
  });

  it('stops in the process that made it, while the other one waits, and both end', async () => {
    const arm = async (evaluate: Evaluate): Promise<void> => {
      await new PythonGuard(evaluate).arm(null, options('ops'));
    };
    running = await Debuggee.run('guarded.py', ['processes'], arm);
    const child = await running.subprocessThatStops(arm);
    const frame = await child.frame();
    expect(frame.line).toBe(divideLine);
    expect((await new PythonGuard(child.evaluate).status(frame))?.hits).toMatchObject([{ op: 'div', stop: 'line' }]);
    const ended = running.ends();
    // The adapter tells the end of a process that it did not start by the parent's word alone.
    await child.goOn();
    expect(await ended).toBe(0);
    expect(running.output).toMatch(/child 0\r?\ndone /);
  });

  it('that raises and catches is followed further', async () => {
    const [program, guard] = await launch('guarded.py', ['caught'], 'ops');
    const frame = await program.frame();
    expect(frame.line).toBe(divideLine);
    expect((await guard.status(frame))?.hits).toMatchObject([{ module: { path: 'inner', root: 'Model' } }]);
    expect(await program.finish()).toBe(0);
  });

  it('without torch waits for it to its end, unharmed', async () => {
    running = await Debuggee.start('plain.py', [], async (evaluate) => {
      await new PythonGuard(evaluate).arm(null, options('ops'));
    });
    const frame = await running.frame();
    expect(await new PythonGuard(running.evaluate).status(frame)).toMatchObject({ armed: false, waiting: true });
    expect(await running.finish()).toBe(0);
  });
});
