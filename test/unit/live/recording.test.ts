/** Which session is recorded, how the report grows, and how a recording ends. */
import { describe, expect, it } from 'vitest';
import type { FrameRef, ModuleRecorder, RecordOptions } from '../../../src/app/live/ports';
import { Recording } from '../../../src/app/live/recording';
import { NanoscopeError } from '../../../src/core/errors';
import type { Report } from '../../../src/core/report';

const header = '{"nanoscopeTrace":1,"torch":"2.9","python":"3.12","functions":true}\n';
const pass = '{"pass":{"number":0,"root":"Net","masks":[],"inputs":[]}}\n';

class Program implements ModuleRecorder {
  readonly told: string[] = [];
  refuses = false;
  /** What `start` waits for. */
  answered: Promise<void> = Promise.resolve();

  start(frame: FrameRef | null, { file }: RecordOptions): Promise<void> {
    this.told.push(`start ${String(frame?.frameId ?? 'running')} ${file}`);
    return this.refuses ? Promise.reject(new NanoscopeError('debugger', 'No.', '')) : this.answered;
  }

  stop(frame: FrameRef | null): Promise<void> {
    this.told.push(`stop ${String(frame?.frameId ?? 'running')}`);
    return Promise.resolve();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function setup() {
  const files = new Map<string, string>();
  const events: string[] = [];
  let timer: (() => void) | null = null;
  const say = (what: string, report: Report | null): void => {
    events.push(`${what} ${report === null ? 'nothing' : report.model.name}`);
  };
  const recording = new Recording({
    newFile: () => Promise.resolve('t.jsonl'),
    read: (file) => Promise.resolve(files.get(file) ?? null),
    changed: ({ phase, session }) => events.push(`${phase} ${session ?? '-'}`),
    grown: (_file, report) => {
      say('grown', report);
    },
    done: (_file, report) => {
      say('done', report);
    },
    failed: (error) => events.push(`failed ${String(error)}`),
    later: (_ms, call) => {
      timer = call;
      return () => {
        timer = null;
      };
    },
  });
  const tick = async (): Promise<void> => {
    const call = timer;
    timer = null;
    call?.();
    await settled();
  };
  return { recording, files, events, tick, waits: () => timer !== null };
}

describe('a recording', () => {
  it('of the next session begins with it, grows and ends with it', async () => {
    const { recording, files, events, tick, waits } = setup();
    await recording.toggle(null);
    const program = new Program();
    recording.began({ id: 'a', name: 'train', recorder: program });
    await settled();
    expect(program.told).toEqual(['start running t.jsonl']);
    await tick();
    files.set('t.jsonl', header);
    await tick();
    files.set('t.jsonl', header + pass);
    await tick();
    await tick();
    recording.ended('a');
    await settled();
    // Nothing is told before a module was called, and nothing twice.
    expect(events).toEqual(['waiting -', 'recording train', 'grown Net', 'off -', 'done Net']);
    expect(waits()).toBe(false);
  });

  it('of the session in front begins in its frame and is ended by hand', async () => {
    const { recording, events } = setup();
    const [program, other] = [new Program(), new Program()];
    recording.began({ id: 'a', name: 'train', recorder: program });
    recording.began({ id: 'b', name: 'other', recorder: other });
    recording.stopped('a', { frameId: 3 });
    await recording.toggle('a');
    recording.goesOn('a');
    await recording.toggle('a');
    expect(program.told).toEqual(['start 3 t.jsonl', 'stop running']);
    expect(other.told).toEqual([]);
    expect(events).toEqual(['recording train', 'off -', 'done nothing']);
  });

  it('ends where its file has ended, as one that reached its limit does', async () => {
    const { recording, files, events, tick, waits } = setup();
    recording.began({ id: 'a', name: 'train', recorder: new Program() });
    await recording.toggle('a');
    files.set('t.jsonl', `${header}${pass}{"end":{"dropped":1,"errors":0,"lastError":null}}\n`);
    await tick();
    expect(events).toEqual(['recording train', 'grown Net', 'off -', 'done Net']);
    expect(waits()).toBe(false);
    expect(recording.state.phase).toBe('off');
  });

  it('that is refused says so and is none', async () => {
    const { recording, events } = setup();
    const program = new Program();
    program.refuses = true;
    recording.began({ id: 'a', name: 'train', recorder: program });
    await recording.toggle('a');
    expect(events).toEqual(['recording train', 'failed NanoscopeError: No.', 'off -']);
    // What was refused late may have begun.
    expect(program.told).toEqual(['start running t.jsonl', 'stop running']);
  });

  it('that was asked for can be taken back before a session begins', async () => {
    const { recording } = setup();
    await recording.toggle(null);
    await recording.toggle(null);
    const program = new Program();
    recording.began({ id: 'a', name: 'train', recorder: program });
    await settled();
    expect(program.told).toEqual([]);
  });

  it('of a session that ends while it is told is none', async () => {
    const { recording, events, waits } = setup();
    const program = new Program();
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    program.answered = promise;
    recording.began({ id: 'a', name: 'train', recorder: program });
    const toggled = recording.toggle('a');
    await settled();
    recording.ended('a');
    await settled();
    resolve();
    await toggled;
    expect(events).toEqual(['recording train', 'off -']);
    expect(recording.state.phase).toBe('off');
    expect(waits()).toBe(false);
  });

  it('that is taken back while it is told is stopped, and begun only once', async () => {
    const { recording, events } = setup();
    const program = new Program();
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    program.answered = promise;
    recording.began({ id: 'a', name: 'train', recorder: program });
    const toggled = recording.toggle('a');
    await recording.toggle('a');
    resolve();
    await toggled;
    expect(program.told).toEqual(['start running t.jsonl', 'stop running']);
    expect(events).toEqual(['recording train', 'off -']);
  });

  it('tells a file that was broken from outside', async () => {
    const { recording, files, events, tick } = setup();
    recording.began({ id: 'a', name: 'train', recorder: new Program() });
    await recording.toggle('a');
    files.set('t.jsonl', header + pass);
    await tick();
    files.set('t.jsonl', `${header}${pass}broken\n`);
    await tick();
    expect(events.at(-1)).toMatch(/failed .*line 3/);
    const told = events.length;
    files.set('t.jsonl', `${header}${pass}broken\nmore\n`);
    await tick();
    expect(events).toHaveLength(told);
  });
});
