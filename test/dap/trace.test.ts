/** Modules of a real program, recorded under a real debugpy: the same table, findings and words as an ONNX run. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { traceReport } from '../../src/app/live/traceReport';
import { markdownReport } from '../../src/app/render/markdown';
import type { Report } from '../../src/core/report';
import { parseModuleTrace } from '../../src/core/trace/moduleTrace';
import { verdictSentence } from '../../src/core/trace/verdict';
import { PythonRecorder } from '../../src/debug/pythonRecorder';
import { reportSchema } from '../support/reportSchema';
import { Debuggee, programs } from './support';

let folder: string;
let running: Debuggee | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'nanoscope-trace-'));
});
afterEach(async () => {
  await running?.end();
  running = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const options = () => ({ file: path.join(folder, "it's a tracé.jsonl"), functions: true });
const recorded = () => parseModuleTrace(readFileSync(options().file, 'utf8'));

/** Recorded from before its first line to its end. */
async function whole(program: string, args: readonly string[] = []): Promise<Report> {
  running = await Debuggee.run(program, args, async (evaluate) => {
    await new PythonRecorder(evaluate).start(null, options());
  });
  expect(await running.ends()).toBe(0);
  return traceReport(recorded());
}

/** `attention out: 30/35 0/35`, as a person reads the table. */
const lines = ({ table }: Report): string[] =>
  table.map(
    ({ layer, stage, port, samples }) =>
      `${layer === null ? '' : `${String(layer)} `}${stage} ${port}: ${(samples ?? []).map(({ nan, of }) => `${String(nan)}/${String(of)}`).join(' ')}`,
  );

describe('a decoder on the left-padded batch of 5 and 35 tokens', () => {
  it('gives the table of the investigation, every sublayer in and out', async () => {
    const report = await whole('kimi.py');
    expect(lines(report)).toEqual([
      'embed out: 0/35 0/35',
      '0 attn-norm in: 0/35 0/35',
      '0 attn-norm out: 0/35 0/35',
      '0 attention in: 0/35 0/35',
      '0 attention out: 30/35 0/35',
      '0 mlp-norm in: 30/35 0/35',
      '0 mlp-norm out: 30/35 0/35',
      '0 mlp in: 30/35 0/35',
      '0 mlp out: 30/35 0/35',
      '0 layer in: 0/35 0/35',
      '0 layer out: 30/35 0/35',
      '1 attn-norm in: 30/35 0/35',
      '1 attn-norm out: 30/35 0/35',
      '1 attention in: 30/35 0/35',
      '1 attention out: 35/35 0/35',
      '1 mlp-norm in: 35/35 0/35',
      '1 mlp-norm out: 35/35 0/35',
      '1 mlp in: 35/35 0/35',
      '1 mlp out: 35/35 0/35',
      '1 layer in: 30/35 0/35',
      '1 layer out: 35/35 0/35',
      'final-norm in: 35/35 0/35',
      'final-norm out: 35/35 0/35',
      'logits in: 35/35 0/35',
      'logits out: 35/35 0/35',
    ]);
    expect(reportSchema.safeParse(JSON.parse(JSON.stringify(report))).error?.issues ?? []).toEqual([]);
  });

  it('tells where NaN is born and where it crosses, with the line of the softmax', async () => {
    const report = await whole('kimi.py');
    const softmaxLine =
      readFileSync(path.join(programs, 'kimi.py'), 'utf8')
        .split('\n')
        .findIndex((line) => line.includes('softmax(')) + 1;
    expect(report.origins).toMatchObject([
      {
        mechanism: 'fully-masked-row',
        node: 'model.layers.0.self_attn',
        op: 'softmax',
        layer: 0,
        block: 'self',
        stage: 'attention',
        positions: ['0-29', ''],
        source: { file: path.join(programs, 'kimi.py'), line: softmaxLine },
      },
    ]);
    expect(report.origins[0]?.explanation).toBe(
      '30 query rows of sample 0 (positions 0–29, all padding): softmax over axis -1: 60 of 140 rows hold nothing but -Inf, so the sum below is 0. ' +
        `(kimi.py:${String(softmaxLine)})`,
    );
    expect(report.spread).toMatchObject([
      {
        mechanism: 'nan-plus-minus-inf',
        node: 'model.layers.1.self_attn',
        layer: 1,
        stage: 'attention',
        positions: ['30-34', ''],
        evidence: { nanPositionsRead: '0-29' },
        source: { line: softmaxLine },
      },
    ]);
    expect(report.outputs).toEqual([{ name: "output['logits']", nanPositions: [35, 0], of: 35, nanAt: ['0-34', ''] }]);
    expect(report.batch).toMatchObject({
      samples: 2,
      positions: 35,
      padding: ['left', 'none'],
      roles: ['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)],
      rolesFrom: 'attention_mask, as the model was given it',
    });
    expect(report.model).toMatchObject({ name: 'KimiForCausalLM', source: 'live', layers: 2 });
    expect(report.model.attention.map(({ layer, kind, op }) => `${String(layer)} ${kind} ${op}`)).toEqual([
      '0 eager softmax',
      '1 eager softmax',
    ]);
    expect(report.notes.slice(1)).toEqual([
      '2 forward passes were recorded; this is number 2, the first in which there is NaN.',
      'Modules were built with _attn_implementation eager.',
    ]);
    expect(verdictSentence(report)).toBe(
      'NaN is born in layer 0 attention (softmax): 30 query rows of sample 0 have nothing to attend to; in layer 1 attention NaN + (−inf) = NaN carries it to every real token of sample 0.',
    );
    expect(markdownReport(report)).not.toContain('## Reproduce');
  });

  it('has the rows of 61 layers, one line for their attention', async () => {
    const report = await whole('kimi.py', ['61']);
    expect(report.model.layers).toBe(61);
    expect(report.model.attention).toHaveLength(61);
    const at = (layer: number) => lines(report).filter((line) => line.startsWith(`${String(layer)} attention out`));
    expect([0, 1, 15, 33, 60].map((layer) => at(layer)[0])).toEqual([
      '0 attention out: 30/35 0/35',
      '1 attention out: 35/35 0/35',
      '15 attention out: 35/35 0/35',
      '33 attention out: 35/35 0/35',
      '60 attention out: 35/35 0/35',
    ]);
    expect(report.origins).toHaveLength(1);
    expect(report.spread).toHaveLength(1);
  });

  it('is recorded from a stop to a stop, and grows while it runs', async () => {
    running = await Debuggee.start('kimi.py', ['2', 'stop']);
    const recorder = new PythonRecorder(running.evaluate);
    await recorder.start(await running.frame(), options());
    expect(() => traceReport(recorded())).toThrow('Nothing was recorded');
    expect(await running.finish()).toBe(0);
    const trace = recorded();
    expect(trace.passes).toHaveLength(2);
    // Nobody ended it: the program's end did.
    expect(trace.end).toEqual({ dropped: 0, errors: 0, lastError: null });
    expect(lines(traceReport(trace))).toContain('1 attention out: 35/35 0/35');
  });

  it('refuses a file that is there', async () => {
    running = await Debuggee.start('kimi.py', ['2', 'stop']);
    const frame = await running.frame();
    const recorder = new PythonRecorder(running.evaluate);
    await recorder.start(frame, options());
    await recorder.stop(frame);
    expect(recorded().end).toEqual({ dropped: 0, errors: 0, lastError: null });
    await expect(recorder.start(frame, options())).rejects.toThrow(/FileExistsError/);
    expect(await running.finish()).toBe(0);
  });
});

it('a decoder whose layers are attention and nothing else is told by their class', async () => {
  running = await Debuggee.start('decoder.py', [], async (evaluate) => {
    await new PythonRecorder(evaluate).start(null, options());
  });
  await running.next();
  expect(await running.finish()).toBe(0);
  expect(lines(traceReport(recorded()))).toEqual([
    'embed out: 0/35 0/35',
    '0 attention in: 0/35 0/35',
    '0 attention out: 30/35 0/35',
    '1 attention in: 30/35 0/35',
    '1 attention out: 35/35 0/35',
  ]);
});
