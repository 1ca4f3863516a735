/** The comparison of a panel against a scripted engine room; no editor, no page. */
import { describe, expect, it } from 'vitest';
import type { CompareRequest } from '../../../src/app/compare/compare';
import type { DiagnoseEvents } from '../../../src/app/useCases';
import { compareRuns } from '../../../src/core/compare/compare';
import { runOfReport } from '../../../src/core/compare/runOfReport';
import type { Comparison } from '../../../src/core/compare/types';
import { NanoscopeError } from '../../../src/core/errors';
import type { ComparisonState } from '../../../src/protocol/comparing';
import { ComparingSession, type Planned } from '../../../src/vscode/panel/comparing';
import { sampleReport } from './sampleReport';

type Script = (request: CompareRequest, events: DiagnoseEvents, signal: AbortSignal) => Promise<Comparison>;

const comparison = compareRuns(
  ['one', 'other'].map((label) => runOfReport(sampleReport(), label)),
  ['padding'],
);
const planned: Planned = {
  models: ['/w/sick.onnx'],
  base: { userLevel: 'all' },
  variations: [{ key: 'padding', values: ['left', 'right'] }],
  title: 'padding left, right',
  labels: ['padding left', 'padding right'],
};

function setUp(script: Script) {
  const states: (ComparisonState | null)[] = [];
  const requests: CompareRequest[] = [];
  let ids = 0;
  const session = new ComparingSession({
    compare: (request, events, signal) => {
      requests.push(request);
      return script(request, events, signal);
    },
    store: () => Promise.resolve('kept'),
    show: (state) => states.push(state),
    keep: () => undefined,
    newId: () => `run ${String((ids += 1))}`,
    log: () => undefined,
  });
  return { session, states, requests };
}

/** Ends when it is cancelled, as the engine does. */
const endless: Script = (_request, _events, signal) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new NanoscopeError('cancelled', 'Cancelled.', 'Again?'));
    });
  });

describe('a comparison in a panel', () => {
  it('says what is planned and where it is, then what came of it', async () => {
    const { session, states, requests } = setUp((_request, { onProgress }) => {
      onProgress?.({ text: 'padding right: measuring', fraction: 0.5 });
      return Promise.resolve(comparison);
    });
    await session.run(planned);
    expect(requests).toEqual([{ models: planned.models, base: planned.base, variations: planned.variations }]);
    expect(states.map((state) => [state?.phase, state?.progress?.fraction ?? null])).toEqual([
      ['running', null],
      ['running', 0.5],
      ['done', null],
      ['done', null],
    ]);
    expect(session.current).toMatchObject({ id: 'run 1', comparison, planned: [] });
    expect(session.record).toEqual({ stored: 'kept', id: 'run 1', title: planned.title });
  });

  it('that fails says why, and is not kept', async () => {
    const { session } = setUp(() => Promise.reject(new NanoscopeError('usage', 'One variant.', 'Two.')));
    expect(await session.run(planned)).toBeUndefined();
    expect(session.current).toMatchObject({ phase: 'error', error: { code: 'usage', hint: 'Two.' }, comparison: null });
    expect(session.record).toBeNull();
    expect(session.running).toBe(false);
  });

  it('that is cancelled gives way to what was there before', async () => {
    const { session } = setUp(endless);
    session.open(comparison, 'before', 'kept before');
    const { id } = session.current ?? {};
    const run = session.run(planned);
    expect(session.current?.phase).toBe('running');
    session.cancel();
    await run;
    expect(session.current).toMatchObject({ phase: 'done', title: 'before', id });
    expect(session.record).toMatchObject({ stored: 'kept before' });
  });

  it('that is cancelled where nothing was says so', async () => {
    const { session } = setUp(endless);
    const run = session.run(planned);
    session.cancel();
    await run;
    expect(session.current).toMatchObject({ phase: 'cancelled', comparison: null });
  });

  it('gives way to a newer one, of whose state it changes nothing', async () => {
    let first = true;
    const { session } = setUp((request, events, signal) => {
      if (!first) return Promise.resolve(comparison);
      first = false;
      return endless(request, events, signal);
    });
    const [older, newer] = [session.run(planned), session.run({ ...planned, title: 'newer' })];
    expect(await older).toBeUndefined();
    await newer;
    expect(session.current).toMatchObject({ phase: 'done', title: 'newer', id: 'run 2' });
  });

  it('is silent once its panel is closed', async () => {
    const { session, states } = setUp(endless);
    const run = session.run(planned);
    const before = states.length;
    session.drop();
    await run;
    expect(states).toHaveLength(before);
  });
});
