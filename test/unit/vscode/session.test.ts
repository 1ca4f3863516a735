/** The panel's session against a scripted engine room and a scripted person; no editor, no page. */
import { describe, expect, it } from 'vitest';
import type { WeightsOffer } from '../../../src/app/apply/weights';
import type { LookRequest, LookResult } from '../../../src/app/look/staticLook';
import type { ApplyRequest, ApplyResult, DiagnoseEvents, DiagnoseRequest } from '../../../src/app/useCases';
import { NanoscopeError } from '../../../src/core/errors';
import type { FixPreview } from '../../../src/core/preview/types';
import type { Report } from '../../../src/core/report';
import type { PanelState } from '../../../src/protocol/panel';
import { DiagnosisSession } from '../../../src/vscode/panel/session';
import type { FixRequest, SessionRecord } from '../../../src/vscode/panel/sessionParts';
import type { Subject } from '../../../src/vscode/panel/subject';
import { sampleReport } from './sampleReport';

type DiagnoseScript = (request: DiagnoseRequest, events: DiagnoseEvents, signal: AbortSignal) => Promise<Report>;

interface Script {
  diagnose?: DiagnoseScript;
  look?: (request: LookRequest) => Promise<LookResult>;
  applyFix?: (request: ApplyRequest) => Promise<ApplyResult>;
  previewFix?: (request: FixRequest) => Promise<FixPreview>;
  fixSnippet?: (request: FixRequest) => Promise<{ fixId: string; code: string }>;
  undoFix?: (file: string) => Promise<unknown>;
  inPlace?: Omit<ApplyResult, 'edits'>;
  answers?: { mask?: string; maskFile?: string; target?: string; inputs?: string; inPlace?: boolean };
  stamps?: Record<string, string | null>;
  weights?: () => Promise<WeightsOffer | null>;
  trusted?: boolean;
}

const fileSubject: Subject = { kind: 'file', model: '/w/sick.onnx' };

function fresh(subject: Subject = fileSubject): SessionRecord {
  return {
    key: '2f0c0a52-8b9e-4c51-8d3c-0d5e6c4f3a21',
    subject,
    phase: 'empty',
    batch: { kind: 'lengths', lengths: [5, 35], pad: 'left', seed: 1, file: null, mask: null, level: 'all' },
    batchChosen: false,
    inputsPath: null,
    report: null,
    error: null,
    stack: [],
    weights: null,
    stamps: {},
  };
}

function setUp(script: Script = {}, record = fresh()) {
  const states: PanelState[] = [];
  const kept: SessionRecord[] = [];
  const requests: DiagnoseRequest[] = [];
  const applied: ApplyRequest[] = [];
  const undone: string[] = [];
  const questions: string[] = [];
  const finished: Report[] = [];
  const session = new DiagnosisSession(record, {
    work: {
      diagnose: (request, events, signal) => {
        requests.push(request);
        return (script.diagnose ?? (() => Promise.resolve(sampleReport())))(request, events, signal);
      },
      look: (request) => (script.look ?? (() => Promise.reject(new Error('no look was expected'))))(request),
      applyFix: (request) => {
        applied.push(request);
        const { fixId, model, inPlace } = request;
        const result: ApplyResult = inPlace
          ? { file: model, fixId, edits: 2, weights: 'inside', backup: `${model}.nanoscope-backup` }
          : { file: request.out ?? model.replace('.onnx', '.fixed.onnx'), fixId, edits: 2, weights: 'inside' };
        return script.applyFix?.(request) ?? Promise.resolve(result);
      },
      previewFix: (request) => (script.previewFix ?? (() => Promise.reject(new Error('no preview'))))(request),
      fixSnippet: (request) => (script.fixSnippet ?? (() => Promise.reject(new Error('no snippet'))))(request),
      undoFix: (file) => {
        undone.push(file);
        return script.undoFix?.(file) ?? Promise.resolve();
      },
      appliedInPlace: () => Promise.resolve(script.inPlace ?? null),
      inputsOf: () => Promise.resolve(['ids', 'keep']),
      weightsOf: () => (script.weights ?? (() => Promise.resolve(null)))(),
      stamp: (path) => Promise.resolve((script.stamps ?? {})[path] ?? null),
      triesFixes: () => true,
    },
    finished: (report) => finished.push(report),
    person: {
      chooseTarget: () => Promise.resolve(script.answers?.target),
      confirmInPlace: (file) => {
        questions.push(`change ${file}`);
        return Promise.resolve(script.answers?.inPlace ?? false);
      },
      chooseInputs: () => Promise.resolve(script.answers?.inputs),
      chooseMask: (problem) => {
        questions.push(problem.code);
        const { mask, maskFile } = script.answers ?? {};
        return Promise.resolve(mask ? { mask } : maskFile ? { inputsPath: maskFile } : undefined);
      },
      shownPath: (path) => path.replace('/w/', ''),
    },
    trusted: () => script.trusted ?? true,
    show: (state) => states.push(state),
    keep: (record_) => kept.push(record_),
    log: () => undefined,
  });
  return { session, states, kept, requests, applied, undone, questions, finished };
}

const firstLook: LookResult = {
  schemaVersion: 1,
  model: sampleReport().model,
  staticLook: { paddingInputs: ['keep'], masks: [] },
};

describe('finished diagnoses', () => {
  it('are told, whole ones only and each once', async () => {
    const partial = sampleReport();
    const whole = { ...partial, notes: ['whole'] };
    const { session, finished } = setUp({
      diagnose: (_request, events) => {
        events.onReport?.(partial);
        return Promise.resolve(whole);
      },
    });
    await session.run();
    expect(finished).toEqual([whole]);
    session.open(partial);
    expect(finished).toHaveLength(1);
  });

  it('are not, where the run failed or was cancelled, or the panel is gone', async () => {
    const failing = setUp({ diagnose: () => Promise.reject(new NanoscopeError('engine-failed', 'no', 'why')) });
    await failing.session.run();
    const closed = setUp();
    const run = closed.session.run();
    closed.session.dispose();
    await run;
    expect([failing.finished, closed.finished]).toEqual([[], []]);
  });
});

describe('attention written out', () => {
  const expanded = { ...fresh().batch, expandAttention: true as const };

  it('is asked for, and compares with nothing that was not', async () => {
    const { session, requests, kept } = setUp();
    await session.run();
    const plain = session.current.batch;
    await session.run({ ...plain, expandAttention: true });
    await session.run(plain);
    expect(requests.map(({ expandAttention }) => expandAttention)).toEqual([undefined, true, undefined]);
    // It says nothing of the batch: the use case still takes its own.
    expect(requests.map(({ lengths }) => lengths)).toEqual([undefined, undefined, undefined]);
    expect(kept[1]?.batch.expandAttention).toBe(true);
  });

  it('is never what a fix is written into', async () => {
    const { session, applied, requests } = setUp({}, { ...fresh(), batch: expanded });
    await session.run();
    await session.apply('unmask-rows');
    expect(applied[0]).not.toHaveProperty('expandAttention');
    expect(requests.at(-1)?.expandAttention).toBe(true);
  });
});

describe('the first look', () => {
  it('is shown before any run, and the panel waits for a batch to run', async () => {
    const { session, states, kept } = setUp({ look: () => Promise.resolve(firstLook) });
    await session.look();
    expect(states[0]).toMatchObject({ phase: 'running', progress: { text: 'Looking at the masks' } });
    expect(session.current).toMatchObject({ phase: 'empty', progress: null, report: null, look: firstLook });
    expect(session.current.maskInputs).toEqual(['ids', 'keep']);
    expect(kept.at(-1)).toMatchObject({ phase: 'empty', report: null });
  });

  it('leaves the question which input masks to the run', async () => {
    const unclear = new NanoscopeError('mask-ambiguous', 'two masks', 'choose');
    const { session, questions } = setUp({ look: () => Promise.reject(unclear) });
    await session.look();
    expect(session.current).toMatchObject({ phase: 'empty', error: null, look: null });
    expect(questions).toEqual([]);
  });

  it('tells what is wrong with a file that is no model', async () => {
    const { session } = setUp({ look: () => Promise.reject(new NanoscopeError('corrupt-model', 'cut', 'again')) });
    await session.look();
    expect(session.current).toMatchObject({ phase: 'error', error: { code: 'corrupt-model' } });
  });

  it('is left out once there is a report, and where nothing may run', async () => {
    const ran = setUp();
    await ran.session.run();
    await ran.session.look();
    expect(ran.session.current.phase).toBe('done');
    const distrusted = setUp({ trusted: false });
    await distrusted.session.look();
    expect(distrusted.session.current.phase).toBe('empty');
  });
});

describe('a run', () => {
  it('shows the table before it is done, then the whole report', async () => {
    const { fixes, ...table } = sampleReport();
    const { session, states } = setUp({
      diagnose: (_, events) => {
        events.onProgress?.({ text: 'Measuring 12 tensors', fraction: 0.5 });
        events.onReport?.(table);
        return Promise.resolve(sampleReport());
      },
    });
    expect(await session.run()).toEqual(sampleReport());
    expect(fixes).toBeDefined();
    const steps = states.map(({ phase, progress, report }) => [phase, progress?.text, report && 'fixes' in report]);
    expect(steps).toContainEqual(['running', 'Measuring 12 tensors', null]);
    expect(steps).toContainEqual(['running', 'Measuring 12 tensors', false]);
    expect(steps.at(-1)).toEqual(['done', undefined, true]);
    expect(session.running).toBe(false);
  });

  it('leaves the batch to the use case until somebody chose one, and then shows the batch that it took', async () => {
    const { session, requests } = setUp();
    await session.run();
    expect(requests[0]).toEqual({ model: '/w/sick.onnx', userLevel: 'all', fixes: true });
    expect(session.current.batch).toMatchObject({ lengths: [2, 3], pad: 'left' });
    await session.run({ ...session.current.batch, lengths: [1, 9], mask: 'keep' });
    expect(requests[1]).toMatchObject({ lengths: { lengths: [1, 9], pad: 'left', seed: 1 }, mask: 'keep' });
  });

  it('takes no path from a message', async () => {
    const { session, requests } = setUp();
    await session.run({ ...session.current.batch, kind: 'file', file: '/etc/passwd' });
    expect(requests[0]).not.toHaveProperty('inputsFile');
    expect(session.current.batch.file).toBeNull();
  });

  it('uses the file that the person chose in the dialog', async () => {
    const { session, requests } = setUp({ answers: { inputs: '/w/batch.npz' } });
    await session.chooseInputs();
    expect(session.current.batch).toMatchObject({ kind: 'file', file: 'batch.npz' });
    await session.run({ ...session.current.batch, file: '/elsewhere.npz' });
    expect(requests[0]).toMatchObject({ inputsFile: '/w/batch.npz' });
    expect(requests[0]).not.toHaveProperty('lengths');
  });

  it('ends with the error, and keeps the last report in sight', async () => {
    let fail = false;
    const { session } = setUp({
      diagnose: () =>
        fail
          ? Promise.reject(new NanoscopeError('truncated', 'It ends early.', 'Copy it again.'))
          : Promise.resolve(sampleReport()),
    });
    await session.run();
    fail = true;
    expect(await session.run()).toBeUndefined();
    expect(session.current).toMatchObject({
      phase: 'error',
      error: { code: 'truncated', message: 'It ends early.', hint: 'Copy it again.' },
      report: { schemaVersion: 1 },
      progress: null,
    });
  });

  it('can be cancelled, and says nothing more afterwards', async () => {
    let late: DiagnoseEvents = {};
    const { session, states } = setUp({
      diagnose: (_, events, signal) => {
        late = events;
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('killed')));
        });
      },
    });
    const run = session.run();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(session.running).toBe(true);
    session.cancel();
    await run;
    expect(session.current).toMatchObject({ phase: 'cancelled', error: { code: 'cancelled' } });
    const shown = states.length;
    late.onReport?.(sampleReport('ghost'));
    expect(states.length).toBe(shown);
  });

  it('gives way to a newer one, whose state stays untouched by it', async () => {
    const finish: ((report: Report) => void)[] = [];
    const { session } = setUp({ diagnose: () => new Promise((resolve) => finish.push(resolve)) });
    const first = session.run();
    await new Promise((resolve) => setTimeout(resolve, 1));
    const second = session.run();
    await new Promise((resolve) => setTimeout(resolve, 1));
    finish[0]?.(sampleReport('old'));
    await first;
    expect(session.current).toMatchObject({ phase: 'running', report: null });
    finish[1]?.(sampleReport('new'));
    await second;
    expect(session.current).toMatchObject({ phase: 'done', modelName: 'new' });
  });

  it('does not happen without trust', async () => {
    const { session, requests } = setUp({ trusted: false });
    await session.run();
    await session.apply('unmask-rows');
    expect(requests).toEqual([]);
    expect(session.current.readOnly).toBe(true);
  });
});

describe('the mask', () => {
  const unknownMask: DiagnoseScript = (request) =>
    request.mask === undefined
      ? Promise.reject(new NanoscopeError('mask-ambiguous', 'Two masks.', 'Say which.'))
      : Promise.resolve(sampleReport());

  it('is asked for when it is ambiguous, and the answer is used and kept', async () => {
    const { session, requests, kept } = setUp({ diagnose: unknownMask, answers: { mask: 'keep:inverted' } });
    expect(await session.run()).toBeDefined();
    expect(requests.map(({ mask }) => mask)).toEqual([undefined, 'keep:inverted']);
    expect(kept.at(-1)?.batch.mask).toBe('keep:inverted');
  });

  it('may be answered with an inputs file', async () => {
    const { session, requests } = setUp({
      diagnose: (request) =>
        request.inputsFile === undefined
          ? Promise.reject(new NanoscopeError('mask-ambiguous', 'Two masks.', 'Say which.'))
          : Promise.resolve(sampleReport()),
      answers: { maskFile: '/w/batch.npz' },
    });
    expect(await session.run()).toBeDefined();
    expect(requests.at(-1)).toMatchObject({ inputsFile: '/w/batch.npz' });
    expect(session.current.batch).toMatchObject({ kind: 'file', file: 'batch.npz' });
  });

  it('is asked for once only', async () => {
    const { session, questions } = setUp({
      diagnose: () => Promise.reject(new NanoscopeError('mask-missing', 'No mask.', 'Say which.')),
      answers: { mask: 'ids' },
    });
    await session.run();
    expect(questions).toEqual(['mask-missing']);
    expect(session.current).toMatchObject({ phase: 'error', error: { code: 'mask-missing' } });
  });

  it('stays an error when the question is dismissed', async () => {
    const { session } = setUp({ diagnose: unknownMask });
    await session.run();
    expect(session.current).toMatchObject({
      phase: 'error',
      error: { code: 'mask-ambiguous' },
      maskInputs: ['ids', 'keep'],
    });
  });
});

describe('a fix', () => {
  it('is applied, diagnosed with the same batch, compared, and undone', async () => {
    const { session, requests, undone } = setUp();
    await session.run({ ...session.current.batch, lengths: [4, 4] });
    const before = session.current.report;
    await session.apply('unmask-rows');
    expect(requests.map(({ model, lengths }) => [model, lengths?.lengths])).toEqual([
      ['/w/sick.onnx', [4, 4]],
      ['/w/sick.fixed.onnx', [4, 4]],
    ]);
    expect(session.current).toMatchObject({
      phase: 'done',
      applied: { fixId: 'unmask-rows', file: 'sick.fixed.onnx', weights: 'inside' },
    });
    expect(session.current.before).toBe(before);
    await session.undo();
    expect(undone).toEqual(['/w/sick.fixed.onnx']);
    expect(requests.at(-1)?.model).toBe('/w/sick.onnx');
    expect(session.current).toMatchObject({ applied: null, before: null, phase: 'done' });
  });

  it('that would overwrite something changes nothing and says so', async () => {
    const { session, requests } = setUp({
      applyFix: () => Promise.reject(new NanoscopeError('would-overwrite', 'It exists.', 'Move it.')),
    });
    await session.run();
    await session.apply('unmask-rows');
    expect(session.current).toMatchObject({ phase: 'error', error: { code: 'would-overwrite' }, applied: null });
    expect(requests).toHaveLength(1);
  });

  it('asks what becomes of big weights, and only then takes an answer', async () => {
    const offer: WeightsOffer = { reference: 40_000, copy: 900_000_000, needs: ['sick.onnx'] };
    const big = setUp({ weights: () => Promise.resolve(offer) });
    await big.session.run();
    expect(big.session.current.weights).toEqual(offer);
    expect(big.kept.at(-1)?.weights).toEqual(offer);
    await big.session.apply('unmask-rows', { weights: 'copy' });
    expect(big.applied[0]?.weights).toBe('copy');
    const small = setUp();
    await small.session.run();
    expect(small.session.current.weights).toBeNull();
    await small.session.apply('unmask-rows', { weights: 'copy' });
    expect(small.applied[0]).not.toHaveProperty('weights');
    // A file that went away between the run and this look costs the question, not the report.
    const gone = setUp({ weights: () => Promise.reject(new NanoscopeError('file-not-found', 'Gone.', 'Look.')) });
    await gone.session.run();
    expect(gone.session.current).toMatchObject({ phase: 'done', weights: null });
  });

  it('of a built-in model goes where the person says, or nowhere', async () => {
    const subject: Subject = { kind: 'built-in', model: 'builtin:mini?layers=2' };
    const named = setUp({ answers: { target: '/w/out.onnx' } }, fresh(subject));
    await named.session.run();
    await named.session.apply('unmask-rows');
    expect(named.applied[0]).toMatchObject({ model: 'builtin:mini?layers=2', out: '/w/out.onnx' });
    expect(named.requests.at(-1)?.model).toBe('/w/out.onnx');
    const dismissed = setUp({}, fresh(subject));
    await dismissed.session.run();
    await dismissed.session.apply('unmask-rows');
    expect(dismissed.applied).toEqual([]);
    expect(dismissed.session.current.phase).toBe('done');
  });

  it('that is undone leaves the report of the model, even if the run after it is cancelled', async () => {
    let runs = 0;
    const { session } = setUp({
      diagnose: ({ model }) =>
        ++runs > 2
          ? Promise.reject(new NanoscopeError('cancelled', 'Cancelled.', 'Again.'))
          : Promise.resolve(sampleReport(model.replace('/w/', ''))),
    });
    await session.run();
    await session.apply('unmask-rows');
    expect(session.current.report?.model.name).toBe('sick.fixed.onnx');
    await session.undo();
    expect(session.current).toMatchObject({ phase: 'cancelled', applied: null, modelName: 'sick.onnx' });
    expect(session.current.report?.model.name).toBe('sick.onnx');
  });

  it('can be undone when somebody removed the copy already', async () => {
    const { session } = setUp({
      undoFix: () => Promise.reject(new NanoscopeError('file-not-found', 'Gone.', 'Nothing to do.')),
    });
    await session.run();
    await session.apply('unmask-rows');
    await session.undo();
    expect(session.current).toMatchObject({ phase: 'done', applied: null, error: null });
  });

  it('stays applied when what was written is no longer ours', async () => {
    const { session } = setUp({
      undoFix: () => Promise.reject(new NanoscopeError('not-ours', 'Changed.', 'Remove it yourself.')),
    });
    await session.run();
    await session.apply('unmask-rows');
    await session.undo();
    expect(session.current).toMatchObject({
      phase: 'error',
      error: { code: 'not-ours' },
      applied: { fixId: 'unmask-rows' },
    });
  });

  it('changes the model itself only when the person says so, and tells where the original is', async () => {
    const refused = setUp();
    await refused.session.run();
    await refused.session.apply('unmask-rows', { inPlace: true });
    expect(refused.questions).toEqual(['change /w/sick.onnx']);
    expect(refused.applied).toEqual([]);
    const { session, states, applied, requests, undone } = setUp({ answers: { inPlace: true } });
    await session.run();
    const before = session.current.report;
    await session.apply('unmask-rows', { inPlace: true, weights: 'copy' });
    expect(applied[0]).toMatchObject({ model: '/w/sick.onnx', inPlace: true });
    expect(applied[0]).not.toHaveProperty('out');
    expect(applied[0]).not.toHaveProperty('weights');
    expect(requests.map(({ model }) => model)).toEqual(['/w/sick.onnx', '/w/sick.onnx']);
    const fix = { fixId: 'unmask-rows', file: 'sick.onnx', backup: 'sick.onnx.nanoscope-backup' };
    expect(session.current).toMatchObject({ applied: { ...fix, measured: true }, phase: 'done' });
    expect(session.current.before).toBe(before);
    // While it ran, the report was still the sick model's.
    const written = states.find((state) => state.applied !== null);
    expect(written).toMatchObject({ phase: 'running', applied: { ...fix, measured: false } });
    expect(written?.report).toBe(before);
    await session.undo();
    expect(undone).toEqual(['/w/sick.onnx']);
    expect(session.current).toMatchObject({ applied: null, phase: 'done' });
  });

  it('that is written is kept before it is diagnosed, so that a reload can undo it', async () => {
    let runs = 0;
    const { session, kept } = setUp({
      answers: { inPlace: true },
      diagnose: () => (++runs > 1 ? new Promise(() => undefined) : Promise.resolve(sampleReport())),
    });
    await session.run();
    void session.apply('unmask-rows', { inPlace: true });
    await expect.poll(() => kept.at(-1)?.stack.length).toBe(1);
    expect(kept.at(-1)).toMatchObject({
      phase: 'running',
      stack: [{ file: '/w/sick.onnx', backup: '/w/sick.onnx.nanoscope-backup', measured: false }],
    });
  });

  it('counts as diagnosed only by the run that is shown, not by one that was given up', async () => {
    const finish: ((report: Report) => void)[] = [];
    const { session } = setUp({ diagnose: () => new Promise((resolve) => finish.push(resolve)) });
    const first = session.run();
    await expect.poll(() => finish.length).toBe(1);
    finish[0]?.(sampleReport());
    await first;
    const applying = session.apply('unmask-rows');
    await expect.poll(() => finish.length).toBe(2);
    const again = session.run();
    await expect.poll(() => finish.length).toBe(3);
    finish[1]?.(sampleReport('sick.fixed.onnx'));
    await applying;
    expect(session.record().stack.at(-1)?.measured).toBe(false);
    finish[2]?.(sampleReport('sick.fixed.onnx'));
    await again;
    expect(session.record().stack.at(-1)?.measured).toBe(true);
  });

  it('that was applied in place before the panel was there can be undone from it', async () => {
    const backup = '/w/sick.onnx.nanoscope-backup';
    const { session, undone } = setUp({
      inPlace: { file: '/w/sick.onnx', fixId: 'unmask-rows', weights: 'inside', backup },
    });
    await session.run();
    expect(session.current).toMatchObject({
      applied: { fixId: 'unmask-rows', backup: 'sick.onnx.nanoscope-backup', measured: true },
      before: null,
    });
    await session.undo();
    expect(undone).toEqual(['/w/sick.onnx']);
  });

  it('is refused when it hides, and when it is none of the report', async () => {
    const report = sampleReport();
    const [first] = report.fixes ?? [];
    const hides = first && { ...first, id: 'nan-to-num-logits', verdict: 'hides' as const };
    const fed = first && { ...first, id: 'a+b', fed: ['b'] };
    const { session, applied, questions } = setUp({
      diagnose: () => Promise.resolve({ ...report, fixes: [first, hides, fed].flatMap((fix) => fix ?? []) }),
      answers: { inPlace: true },
    });
    await session.run();
    for (const id of ['nan-to-num-logits', 'a+b', 'nope']) await session.apply(id, { inPlace: true });
    expect(applied).toEqual([]);
    expect(questions).toEqual([]);
    await session.preview('nope');
    expect(session.current.phase).toBe('done');
  });

  it('asks one question at a time, and a run that starts while it is undone waits for it', async () => {
    let finish: () => void = () => undefined;
    const { session, applied, requests, questions } = setUp({
      answers: { inPlace: true },
      undoFix: () => new Promise<void>((resolve) => (finish = resolve)),
    });
    await session.run();
    const twice = [session.apply('unmask-rows', { inPlace: true }), session.apply('unmask-rows', { inPlace: true })];
    await Promise.all(twice);
    expect(questions).toHaveLength(1);
    expect(applied).toHaveLength(1);
    const before = requests.length;
    const undoing = session.undo();
    await new Promise((resolve) => setTimeout(resolve, 1));
    const running = session.run();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(requests).toHaveLength(before);
    finish();
    await Promise.all([undoing, running]);
    expect(session.current).toMatchObject({ phase: 'done', applied: null });
    expect(requests.length).toBeGreaterThan(before);
  });

  it('of a built-in model cannot change it in place', async () => {
    const subject: Subject = { kind: 'built-in', model: 'builtin:mini?layers=2' };
    const { session, applied, questions } = setUp(
      { answers: { target: '/w/out.onnx', inPlace: true } },
      fresh(subject),
    );
    await session.run();
    expect(session.current.canChangeInPlace).toBe(false);
    await session.apply('unmask-rows', { inPlace: true });
    expect(questions).toEqual([]);
    expect(applied[0]).toMatchObject({ out: '/w/out.onnx' });
    expect(applied[0]).not.toHaveProperty('inPlace');
    // The copy is a file.
    expect(session.current.canChangeInPlace).toBe(true);
  });

  it('is previewed: nothing is written, and the preview goes with the next run', async () => {
    const asked: FixRequest[] = [];
    const preview: FixPreview = { fixId: 'unmask-rows', steps: [], notes: [] };
    const { session, applied, kept } = setUp({
      previewFix: (request) => {
        asked.push(request);
        return Promise.resolve(preview);
      },
    });
    await session.preview('unmask-rows');
    expect(asked).toEqual([]); // nothing was diagnosed yet
    await session.run();
    await session.preview('unmask-rows');
    expect(asked).toMatchObject([{ model: '/w/sick.onnx', fixId: 'unmask-rows' }]);
    expect(session.current).toMatchObject({ phase: 'done', preview, error: null });
    expect(session.current.report).not.toBeNull();
    expect(kept.at(-1)).not.toHaveProperty('preview');
    session.closePreview();
    expect(session.current.preview).toBeNull();
    await session.preview('unmask-rows');
    await session.apply('unmask-rows');
    expect(session.current).toMatchObject({ preview: null, applied: { fixId: 'unmask-rows' } });
    expect(applied).toHaveLength(1);
  });

  it('whose preview is cancelled, or ends, leaves what is known of the model as it was', async () => {
    let asked = 0;
    const { session } = setUp({
      stamps: { '/w/sick.onnx': '1' },
      previewFix: () =>
        asked++ === 0
          ? new Promise((_resolve, reject) => setTimeout(() => reject(new Error('killed')), 5))
          : Promise.resolve({ fixId: 'unmask-rows', steps: [], notes: [] }),
    });
    await session.run();
    const known = session.current;
    const previewing = session.preview('unmask-rows');
    expect(session.current.phase).toBe('running');
    session.cancel();
    await previewing;
    expect(session.current).toEqual(known);
    await session.preview('unmask-rows');
    expect(session.current).toEqual({ ...known, preview: { fixId: 'unmask-rows', steps: [], notes: [] } });
  });

  it('whose preview fails leaves the report as it was', async () => {
    const { session } = setUp({
      previewFix: () => Promise.reject(new NanoscopeError('fix-declined', 'Not here.', 'Choose another.')),
    });
    await session.run();
    const { report } = session.current;
    await session.preview('unmask-rows');
    expect(session.current).toMatchObject({ phase: 'error', error: { code: 'fix-declined' }, preview: null });
    expect(session.current.report).toBe(report);
  });

  it('is told as lines of PyTorch, and an open preview stays open', async () => {
    const preview: FixPreview = { fixId: 'unmask-rows', steps: [], notes: [] };
    const { session } = setUp({
      previewFix: () => Promise.resolve(preview),
      fixSnippet: ({ fixId }) => Promise.resolve({ fixId, code: 'import torch\n' }),
    });
    await session.run();
    await session.preview('unmask-rows');
    expect(await session.fixSnippet('unmask-rows')).toBe('import torch\n');
    expect(session.current).toMatchObject({ phase: 'done', preview });
  });

  it('on top of a fix is undone one by one', async () => {
    const { session, undone } = setUp();
    await session.run();
    await session.apply('unmask-rows');
    await session.apply('unmask-rows');
    expect(session.current.applied?.file).toBe('sick.fixed.fixed.onnx');
    await session.undo();
    expect(session.current.applied).toMatchObject({ fixId: 'unmask-rows' });
    await session.undo();
    expect(session.current.applied).toBeNull();
    expect(undone).toEqual(['/w/sick.fixed.fixed.onnx', '/w/sick.fixed.onnx']);
  });

  it('is not compared with a report of another batch', async () => {
    const { session } = setUp();
    await session.run();
    await session.apply('unmask-rows');
    const { batch } = session.current;
    await session.run({ ...batch, level: 'basic' });
    expect(session.current.before).not.toBeNull();
    await session.run({ ...batch, seed: 2 });
    expect(session.current.before).toBeNull();
    expect(session.current.applied).not.toBeNull();
  });
});

describe('the file', () => {
  it('makes the report stale only when it really changed', async () => {
    const stamps: Record<string, string | null> = { '/w/sick.onnx': 'a' };
    const { session } = setUp({ stamps });
    await session.run();
    await session.fileTouched();
    expect(session.current.stale).toBe(false);
    stamps['/w/sick.onnx'] = 'b';
    await session.fileTouched();
    expect(session.current.stale).toBe(true);
    await session.run();
    expect(session.current.stale).toBe(false);
  });

  it('makes the report stale when it changed while it was being read', async () => {
    const stamps: Record<string, string | null> = { '/w/sick.onnx': 'a' };
    const { session } = setUp({
      stamps,
      diagnose: async () => {
        stamps['/w/sick.onnx'] = 'b';
        await session.fileTouched();
        return sampleReport();
      },
    });
    await session.run();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(session.current).toMatchObject({ phase: 'done', stale: true });
  });
});

describe('a reload', () => {
  it('brings back what was there', async () => {
    const first = setUp({ stamps: { '/w/sick.onnx': 'a' } });
    await first.session.run();
    await first.session.apply('unmask-rows');
    const record = JSON.parse(JSON.stringify(first.kept.at(-1))) as SessionRecord;
    const { session } = setUp({}, record);
    expect(session.current).toEqual(first.session.current);
    await session.undo();
    expect(session.current.applied).toBeNull();
  });

  it('shows a run that it cut off as cancelled', () => {
    const { session } = setUp({}, { ...fresh(), phase: 'running' });
    expect(session.current.phase).toBe('cancelled');
  });
});

describe('a saved report', () => {
  it('is shown and never run', async () => {
    const { session, requests } = setUp({}, fresh({ kind: 'report', from: 'file:///w/r.json' }));
    session.open(sampleReport());
    await session.run();
    await session.apply('unmask-rows');
    expect(session.current).toMatchObject({ phase: 'done', source: 'report', readOnly: true });
    expect(requests).toEqual([]);
  });
});

describe('a closed panel', () => {
  it('asks nothing, shows nothing and keeps nothing, whatever still answers', async () => {
    let fail: (error: unknown) => void = () => undefined;
    const { session, states, kept, requests, questions } = setUp({
      diagnose: () => new Promise((_, reject) => (fail = reject)),
      answers: { mask: 'keep', inputs: '/w/batch.npz' },
    });
    const run = session.run();
    await expect.poll(() => requests.length).toBe(1);
    const choosing = session.chooseInputs();
    session.dispose();
    const [shown, stored] = [states.length, kept.length];
    fail(new NanoscopeError('mask-missing', 'No mask.', 'Say which.'));
    await Promise.all([run, choosing]);
    expect(questions).toEqual([]);
    expect([states.length, kept.length]).toEqual([shown, stored]);
  });
});
