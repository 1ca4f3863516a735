/** The command line's grammar, output and exit codes, with the use cases replaced by known answers. */
import { describe, expect, it } from 'vitest';
import type { ApplyRequest, DiagnoseRequest } from '../../src/app/useCases';
import { NanoscopeError } from '../../src/core/errors';
import { builtinModels } from '../../src/core/models';
import type { Report } from '../../src/core/report';
import { runHere, type InProcess } from '../support/cliHarness';
import { hostileReport } from '../support/hostileReport';
import { appliedReportSchema, failureSchema, reportSchema } from '../support/reportSchema';
import { row, seedReport } from '../support/seedReport';
import { unsafe } from '../support/unsafeText';

const sick = seedReport();
const clean: Report = {
  ...sick,
  table: [row(null, 'embed', 'embed_tokens', 0), row(null, 'logits', 'lm_head', 0)],
  outputs: [{ name: 'logits', nanPositions: [0, 0], of: 35, nanAt: ['', ''] }],
  origins: [],
  spread: [],
  fixes: [],
};

/** Runs `diagnose` and hands back what it was asked to do. */
async function asked(...args: string[]): Promise<DiagnoseRequest> {
  let request: DiagnoseRequest | undefined;
  const outcome = await runHere(['diagnose', ...args], {
    work: {
      diagnose: (_deps, asked_) => {
        request = asked_;
        return Promise.resolve(clean);
      },
    },
  });
  if (request === undefined) throw new Error(`nothing was asked: ${outcome.err}`);
  return request;
}

const answering = (report: Report): InProcess => ({ work: { diagnose: () => Promise.resolve(report) } });
const failing = (error: Error): InProcess => ({ work: { diagnose: () => Promise.reject(error) } });

describe('what diagnose asks for', () => {
  it('is a default batch, the level all and fixes', async () => {
    expect(await asked('my model.onnx')).toEqual({
      model: '/home/person/my model.onnx',
      inputsFile: undefined,
      lengths: undefined,
      mask: undefined,
      userLevel: 'all',
      fixes: true,
    });
  });

  it('is everything that was typed', async () => {
    expect(
      await asked(
        ...['--inputs', 'b.npz', '--lengths', '5, 35,0', '--pad', 'right', '--seed', '7'],
        ...['--mask', 'a:b:inverted', '--level', 'basic', '--no-fixes', '--', '-m.onnx'],
      ),
    ).toEqual({
      model: '/home/person/-m.onnx',
      inputsFile: '/home/person/b.npz',
      lengths: { lengths: [5, 35, 0], pad: 'right', seed: 7 },
      mask: 'a:b:inverted',
      userLevel: 'basic',
      fixes: false,
    });
  });

  it('fills in what a half-given batch leaves open', async () => {
    expect((await asked('m.onnx', '--pad', 'right')).lengths).toEqual({ lengths: [5, 35], pad: 'right', seed: 1 });
    expect((await asked('m.onnx', '--lengths', '4,4', '--pad', 'none')).lengths?.pad).toBe('none');
    expect((await asked('m.onnx', '--seed', '0')).lengths).toEqual({ lengths: [5, 35], pad: 'left', seed: 0 });
    expect((await asked('m.onnx', '--lengths', '2,5', '--pad-id', '7')).lengths).toEqual({
      lengths: [2, 5],
      pad: 'left',
      seed: 1,
      padId: 7,
    });
  });

  it('keeps the name of a built-in model as it is', async () => {
    expect((await asked('builtin:kimi-k2-mini?layers=2')).model).toBe('builtin:kimi-k2-mini?layers=2');
  });

  it('reaches the engine with time and memory limits', async () => {
    const seen: unknown[] = [];
    await runHere(['diagnose', 'm.onnx', '--timeout', '1.5', '--memory-limit', '512'], {
      ...answering(clean),
      onDeps: (options) => seen.push(options),
    });
    expect(seen).toEqual([{ timeoutMs: 1500, memoryLimitBytes: 512 * 1024 * 1024 }]);
  });
});

describe('what diagnose prints', () => {
  it('is the table and exit code 1 when NaN is born', async () => {
    const { code, out, err } = await runHere(['diagnose', 'm.onnx'], answering(sick));
    expect(code).toBe(1);
    expect(err).toBe('');
    expect(out).toContain('layer 0  attention                 30/35  pad only        0/35      ← NaN born here');
    expect(out).not.toContain('\u001b');
  });

  it('is exit code 0 without an origin, silent findings or not', async () => {
    const silent = sick.origins.map((origin) => ({ ...origin, mechanism: 'guarded' as const }));
    expect((await runHere(['diagnose', 'm.onnx'], answering({ ...clean, silent }))).code).toBe(0);
  });

  it('is one JSON document that keeps the contract', async () => {
    const { code, out, err } = await runHere(['diagnose', 'm.onnx', '--json'], answering(sick));
    expect(code).toBe(1);
    expect(err).toBe('');
    expect(reportSchema.parse(JSON.parse(out))).toEqual(sick);
    expect(out.endsWith('}\n')).toBe(true);
  });

  it('says non-finite numbers by name in JSON', async () => {
    const [row] = sick.table;
    const odd = {
      ...sick,
      table: [{ ...row!, samples: [{ ...row!.samples![0]!, norm: Infinity, min: -Infinity, max: NaN }] }],
    };
    const { out } = await runHere(['diagnose', 'm.onnx', '--json'], answering(odd));
    expect(JSON.parse(out)).toMatchObject({
      table: [{ samples: [{ norm: 'Infinity', min: '-Infinity', max: 'NaN' }] }],
    });
  });

  it('is the markdown report with the command that was typed', async () => {
    const { code, out } = await runHere(['diagnose', 'm.onnx', '--markdown', '--lengths', '5,35'], answering(sick));
    expect(code).toBe(1);
    expect(out.startsWith('# NaN report')).toBe(true);
    expect(out).toContain('nanoscope diagnose m.onnx --markdown --lengths 5,35');
  });

  it.each([[[]], [['--json']], [['--markdown']]])(
    'has nothing in it that a model could drive a terminal with %j',
    async (extra) => {
      const { out } = await runHere(['diagnose', 'm.onnx', ...extra], answering(hostileReport()));
      expect(out).not.toMatch(unsafe);
    },
  );

  it('has colour on a terminal, unless NO_COLOR says otherwise', async () => {
    const colour = /\p{Cc}\[3[0-9]m/u;
    expect((await runHere(['diagnose', 'm.onnx'], { ...answering(sick), tty: true })).out).toMatch(colour);
    expect(
      (await runHere(['diagnose', 'm.onnx'], { ...answering(sick), tty: true, env: { NO_COLOR: '1' } })).out,
    ).not.toMatch(colour);
    expect(
      (await runHere(['diagnose', 'm.onnx'], { ...answering(sick), tty: true, env: { TERM: 'dumb' } })).out,
    ).not.toMatch(colour);
    expect((await runHere(['diagnose', 'm.onnx'], { ...answering(sick), env: { FORCE_COLOR: '1' } })).out).not.toMatch(
      colour,
    );
  });

  it('picks rows', async () => {
    const report = seedReport(61);
    const { out } = await runHere(['diagnose', 'm.onnx', '--rows', '33,1, 15'], answering(report));
    expect(out.match(/^layer \d+/gm)?.map((text) => text.slice(6))).toEqual([
      '1',
      '1',
      '1',
      '1',
      '15',
      '15',
      '15',
      '15',
      '33',
      '33',
      '33',
      '33',
    ]);
    const all = await runHere(['diagnose', 'm.onnx', '--all-rows'], answering(report));
    expect(all.out.match(/^layer \d+/gm)?.length).toBe(61 * 7);
  });
});

describe('progress', () => {
  const working: InProcess = {
    work: {
      diagnose: (_deps, _request, events) => {
        events.onProgress?.({ text: 'Measuring 134 tensors\u001b[2J', fraction: 0.42 });
        return Promise.resolve(sick);
      },
    },
  };

  it('is one line on a terminal, made safe, and gone at the end', async () => {
    const { err, out } = await runHere(['diagnose', 'm.onnx'], { ...working, tty: true });
    expect(err).toBe('\r\u001b[2KMeasuring 134 tensors\\x1b[2J  42%\r\u001b[2K');
    expect(out).not.toContain('134 tensors');
  });

  it('is silent in a pipe', async () => {
    expect((await runHere(['diagnose', 'm.onnx'], working)).err).toBe('');
  });
});

describe('failures', () => {
  it.each([
    ['file-not-found', 2],
    ['not-onnx', 2],
    ['truncated', 2],
    ['corrupt-model', 2],
    ['external-data-missing', 2],
    ['external-data-escapes', 2],
    ['bad-input', 2],
    ['bad-inputs-file', 2],
    ['mask-missing', 2],
    ['would-overwrite', 2],
    ['fix-declined', 2],
    ['unsupported-opset', 3],
    ['unsupported-op', 3],
    ['unsupported-type', 3],
    ['timeout', 3],
    ['out-of-memory', 3],
    ['engine-crashed', 3],
    ['engine-missing', 3],
    ['cancelled', 3],
  ] as const)('%s ends with %i, in words or as JSON', async (code, exitCode) => {
    const world = failing(new NanoscopeError(code, 'It is so.', 'Do that.'));
    expect(await runHere(['diagnose', 'm.onnx'], world)).toEqual({
      code: exitCode,
      out: '',
      err: 'nanoscope: It is so.\n  Do that.\n',
    });
    const json = await runHere(['diagnose', 'm.onnx', '--json'], world);
    expect(json).toMatchObject({ code: exitCode, err: '' });
    expect(failureSchema.parse(JSON.parse(json.out))).toEqual({
      error: { code, message: 'It is so.', hint: 'Do that.' },
    });
  });

  it('of NaNoscope itself are told, not thrown', async () => {
    const outcome = await runHere(['diagnose', 'm.onnx'], failing(new TypeError('x is undefined')));
    expect(outcome.code).toBe(3);
    expect(outcome.err).toContain('NaNoscope itself failed: x is undefined');
  });

  it('cannot drive the terminal', async () => {
    const error = new NanoscopeError('file-not-found', 'No \u001b[31m\u202efile\nhere', 'Look \u0007 there.');
    expect((await runHere(['diagnose', 'm.onnx'], failing(error))).err).not.toMatch(unsafe);
    expect((await runHere(['diagnose', 'm.onnx', '--json'], failing(error))).out).not.toMatch(unsafe);
  });

  it('are a cancellation once the run was stopped, whatever the dying engine said', async () => {
    const stop = new AbortController();
    const outcome = await runHere(['diagnose', 'm.onnx', '--json'], {
      signal: stop.signal,
      work: {
        diagnose: () => {
          stop.abort();
          return Promise.reject(new NanoscopeError('engine-crashed', 'It died.', 'Hm.'));
        },
      },
    });
    expect(outcome.code).toBe(3);
    expect(JSON.parse(outcome.out)).toMatchObject({ error: { code: 'cancelled' } });
  });
});

describe('wrong command lines', () => {
  it.each([
    [['diagnose'], /missing required argument 'model'/i],
    [['diagnose', 'a.onnx', 'b.onnx'], /too many arguments/i],
    [['diagnose', 'm.onnx', '--frob'], /unknown option '--frob'/i],
    [['diagnose', 'm.onnx', '--jsom'], /--json/],
    [['frobnicate'], /unknown command/i],
    [['diagnos', 'm.onnx'], /did you mean diagnose/i],
    [['m.onnx'], /nanoscope diagnose MODEL/],
    [['diagnose', 'm.onnx', '--lengths', ''], /--lengths/],
    [['diagnose', 'm.onnx', '--lengths', '5,,35'], /--lengths 5,,35 is not a list/],
    [['diagnose', 'm.onnx', '--lengths', '5,-1'], /not a list of whole numbers/],
    [['diagnose', 'm.onnx', '--lengths', '1.5'], /not a list of whole numbers/],
    [['diagnose', 'm.onnx', '--lengths', '0,0'], /no real token/],
    [['diagnose', 'm.onnx', '--lengths', '9999999'], /not a list of whole numbers/],
    [['diagnose', 'm.onnx', '--lengths', Array(1025).fill('1').join(',')], /1024 is the most/],
    [['diagnose', 'm.onnx', '--lengths', '5,35', '--pad', 'none'], /equal length/],
    [['diagnose', 'm.onnx', '--pad', 'middle'], /left, right, none/],
    [['diagnose', 'm.onnx', '--seed', '-3'], /--seed -3/],
    [['diagnose', 'm.onnx', '--seed', '1e3'], /--seed 1e3/],
    [['diagnose', 'm.onnx', '--seed', '1,2'], /--seed 1,2/],
    [['diagnose', 'm.onnx', '--pad-id', '-1'], /--pad-id -1 is not a whole number from 0/],
    [['diagnose', 'm.onnx', '--inputs', 'b.npz', '--lengths', '5', '--pad-id', '1'], /--pad-id has no effect/],
    [['diagnose', 'm.onnx', '--mask', ':inverted'], /--mask needs/],
    [['diagnose', 'm.onnx', '--level', 'most'], /disabled, basic, extended, all/],
    [['diagnose', 'm.onnx', '--timeout', '0'], /--timeout 0/],
    [['diagnose', 'm.onnx', '--memory-limit', 'lots'], /--memory-limit lots/],
    [['diagnose', 'm.onnx', '--rows', 'a-b'], /--rows a-b/],
    [['diagnose', 'm.onnx', '--rows', '5-3'], /--rows 5-3/],
    [['diagnose', 'm.onnx', '--rows', '1', '--all-rows'], /cannot be given together/],
    [['diagnose', 'm.onnx', '--out', 'x.onnx'], /--apply/],
    [['diagnose', 'm.onnx', '--weights', 'copy'], /--apply/],
    [['diagnose', 'm.onnx', '--inputs', 'b.npz', '--pad', 'left'], /no effect/],
    [['save', 'builtin:kimi-k2-mini'], /missing required argument 'file'/i],
    [['save', 'm.onnx', 'x.onnx'], /not a built-in model/],
    [['save', 'builtin:kimi-k2-mini', 'x', '--ranks', '3'], /--ranks 3 is no number of ranks/],
    [['save', 'builtin:nope', 'x.onnx'], /nope/],
    [['undo'], /missing required argument 'file'/i],
  ])('%j ends with 2', async (args, text) => {
    const outcome = await runHere(args);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(text);
    // One sentence and what to do, never commander's own form.
    expect(outcome.err).toMatch(/^nanoscope: /);
    expect(outcome.err).not.toMatch(/error:/);
    const json = await runHere([...args, '--json']);
    expect(json).toMatchObject({ code: 2, err: '' });
    expect(failureSchema.parse(JSON.parse(json.out)).error.code).toBe('usage');
  });

  it('two formats cannot be asked for together', async () => {
    const { code, out } = await runHere(['diagnose', 'm.onnx', '--json', '--markdown']);
    expect(code).toBe(2);
    expect(failureSchema.parse(JSON.parse(out)).error.message).toContain('cannot be given together');
  });

  it('nothing at all prints the help as an error', async () => {
    const outcome = await runHere([]);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain('Usage: nanoscope');
  });
});

describe('help and version', () => {
  it('prints the version', async () => {
    expect(await runHere(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' });
  });

  it.each([[['--help']], [['help']], [['diagnose', '--help']], [['help', 'diagnose']]])(
    '%j has examples and exit codes',
    async (args) => {
      const outcome = await runHere(args);
      expect(outcome).toMatchObject({ code: 0, err: '' });
      expect(outcome.out).toContain('$ nanoscope diagnose model.onnx --apply unmask-rows');
      expect(outcome.out).toContain('Exit codes');
    },
  );
});

describe('--apply', () => {
  const applied = { file: '/home/person/m.fixed.onnx', fixId: 'unmask-rows', edits: 4, weights: 'inside' as const };
  const world = (): { requests: (DiagnoseRequest | ApplyRequest)[]; in: InProcess } => {
    const requests: (DiagnoseRequest | ApplyRequest)[] = [];
    return {
      requests,
      in: {
        work: {
          diagnose: (_deps, request) => {
            requests.push(request);
            return Promise.resolve(request.model.endsWith('.fixed.onnx') ? clean : sick);
          },
          applyFix: (_deps, request) => {
            requests.push(request);
            return Promise.resolve(applied);
          },
        },
      },
    };
  };

  it('diagnoses, writes, diagnoses the copy with the same batch, and ends with its code', async () => {
    const { requests, in: inside } = world();
    const outcome = await runHere(
      ['diagnose', 'm.onnx', '--inputs', 'b.npz', '--apply', 'unmask-rows', '--out', 'o.onnx', '--weights', 'copy'],
      inside,
    );
    expect(outcome.code).toBe(0);
    expect(requests).toHaveLength(3);
    expect(requests[1]).toMatchObject({ fixId: 'unmask-rows', out: '/home/person/o.onnx', weights: 'copy' });
    expect(requests[2]).toEqual({ ...requests[0], model: applied.file });
    const order = [
      'reaches real',
      'Applied unmask-rows: 4 edits, written to /home/person/m.fixed.onnx',
      'nanoscope undo /home/person/m.fixed.onnx',
      'No NaN anywhere',
    ];
    expect(order.map((text) => outcome.out.indexOf(text))).toEqual(
      order.map((text) => outcome.out.indexOf(text)).sort((a, b) => a - b),
    );
    expect(order.every((text) => outcome.out.includes(text))).toBe(true);
  });

  it('is one JSON document: the copy, what was written, and before', async () => {
    const outcome = await runHere(['diagnose', 'm.onnx', '--apply', 'unmask-rows', '--json'], world().in);
    const document = appliedReportSchema.parse(JSON.parse(outcome.out));
    expect(document.origins).toEqual([]);
    expect(document.before.origins).toHaveLength(1);
    expect(document.applied).toEqual(applied);
  });

  it('is one markdown document', async () => {
    const outcome = await runHere(['diagnose', 'm.onnx', '--apply', 'unmask-rows', '--markdown'], world().in);
    expect(outcome.out.match(/^# NaN report/gm)).toHaveLength(2);
    expect(outcome.out).toContain('**Applied `unmask-rows`**: 4 edits');
  });

  it('fails as one JSON document too', async () => {
    const inside = world().in;
    const outcome = await runHere(['diagnose', 'm.onnx', '--apply', 'nope', '--json'], {
      work: { ...inside.work, applyFix: () => Promise.reject(new NanoscopeError('fix-declined', 'No.', 'Why.')) },
    });
    expect(outcome.code).toBe(2);
    expect(failureSchema.parse(JSON.parse(outcome.out)).error.code).toBe('fix-declined');
  });
});

describe('the other commands', () => {
  it('explain lists every mechanism, explains one, and gives both as JSON', async () => {
    const list = await runHere(['explain']);
    expect(list.code).toBe(0);
    expect(list.out).toMatch(/^ {2}fully-masked-row +A row with nothing to attend to$/m);
    expect(list.out).toMatch(/^ {2}laundered /m);
    const one = await runHere(['explain', 'zero-times-nan']);
    expect(one.out).toContain('0 × NaN = NaN');
    expect(one.out).toContain('What mends it');
    expect(JSON.parse((await runHere(['explain', 'guarded', '--json'])).out)).toMatchObject({
      id: 'guarded',
      kind: 'silent',
    });
    expect((await runHere(['explain', 'guarded', '--markdown'])).out).toMatch(/^## Born and removed on purpose/);
  });

  it('explain says what to do about a mechanism that does not exist', async () => {
    const { err, code } = await runHere(['explain', 'magic']);
    expect(code).toBe(2);
    expect(err).toContain('There is no mechanism magic.');
    expect(err).toContain('nanoscope explain');
    expect((await runHere(['explain', 'guarded', '--json', '--markdown'])).code).toBe(2);
  });

  it('models lists every option', async () => {
    const { out, code } = await runHere(['models']);
    expect(code).toBe(0);
    expect(out).toContain('builtin:kimi-k2-mini');
    for (const option of ['layers', 'hidden', 'heads', 'experts', 'attention', 'seed']) {
      expect(out).toMatch(new RegExp(`^    ${option}=`, 'm'));
    }
    expect(JSON.parse((await runHere(['models', '--json'])).out)).toMatchObject({
      models: builtinModels.map(({ id }) => ({ id })),
    });
  });

  it('undo tells what was removed', async () => {
    const work = {
      undoFix: () => Promise.resolve({ removed: ['/home/person/m.fixed.onnx', '/home/person/m.fixed.data'] }),
    };
    expect(await runHere(['undo', 'm.fixed.onnx'], { work })).toEqual({
      code: 0,
      out: 'Removed /home/person/m.fixed.onnx\nRemoved /home/person/m.fixed.data\n',
      err: '',
    });
    expect(JSON.parse((await runHere(['undo', 'm.fixed.onnx', '--json'], { work })).out)).toMatchObject({
      removed: ['/home/person/m.fixed.onnx', '/home/person/m.fixed.data'],
    });
  });
});
