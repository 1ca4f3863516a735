/** The line that a report gives for seeing it again, given back to the command line, asks for the same. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType as DataType } from 'onnx-buf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { diagnose } from '../../../src/app/diagnose';
import { reproduceArguments } from '../../../src/app/render/command';
import type { DiagnoseRequest } from '../../../src/app/useCases';
import type { Report } from '../../../src/core/report';
import { runHere } from '../../support/cliHarness';
import { fixture, realDeps } from '../../support/diagnosing';
import { named } from '../../support/tinyAttention';
import { model, value } from '../../unit/onnx/support';

let folder = '';
const home = '/home/person';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope-reproduce-'));
  const BF = DataType.BFLOAT16;
  const half = model({
    name: 'g',
    input: [value('x', ['batch', 'seq', 4], BF)],
    output: [value('y', ['batch', 'seq', 4], BF)],
    node: [named('Sqrt', 'Sqrt', ['x'], 'y')],
  });
  writeFileSync(join(folder, '-half.onnx'), toBinary(ModelProtoSchema, half));
  copyFileSync(fixture('a1_mla_leftpad_inf_add_op13.onnx'), join(folder, 'my sick.onnx'));
  copyFileSync(fixture('a1_mla_leftpad_inf_add_op13.inputs.npz'), join(folder, '-in.npz'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const here = (path: string): string => (path.startsWith('builtin:') ? path : join(folder, basename(path)));

/** What the command line asks for, and the report of the real diagnosis of that. */
async function asked(args: readonly string[]): Promise<{ request: DiagnoseRequest; report: Report }> {
  const got: { request: DiagnoseRequest; report: Report }[] = [];
  const outcome = await runHere([args[0] ?? '', '--json', ...args.slice(1)], {
    work: {
      diagnose: async (_deps, request, events, signal) => {
        const { model: path, inputsFile } = request;
        const real = {
          ...request,
          model: here(path),
          ...(inputsFile !== undefined && { inputsFile: here(inputsFile) }),
        };
        const report = await diagnose(await realDeps(), real, events, signal);
        got.push({ request, report });
        return report;
      },
    },
  });
  const [first] = got;
  if (first === undefined) throw new Error(outcome.out + outcome.err);
  return first;
}

const tiny = 'builtin:llama-mini?layers=1';
const file = 'my sick.onnx';
const options: readonly (readonly [option: string, args: readonly string[]])[] = [
  ['--lengths', [tiny, '--lengths', '2,4', '--no-fixes']],
  ['--pad', [tiny, '--lengths', '2,4', '--pad', 'right', '--no-fixes']],
  ['--pad none', [tiny, '--lengths', '4,4', '--pad', 'none', '--no-fixes']],
  ['--seed', [tiny, '--lengths', '2,4', '--seed', '7', '--no-fixes']],
  ['--pad-id', [tiny, '--lengths', '2,4', '--pad-id', '3', '--no-fixes']],
  ['--mask', [tiny, '--lengths', '2,4', '--mask', 'attention_mask:inverted', '--no-fixes']],
  ['--level', [tiny, '--lengths', '2,4', '--level', 'basic', '--no-fixes']],
  ['--level disabled', [tiny, '--lengths', '2,4', '--level', 'disabled', '--no-fixes']],
  ['--expand-attention', ['builtin:llama-mini?layers=1&attention=fused', '--lengths', '2,4', '--expand-attention']],
  ['--expand-attention without fused attention', [tiny, '--lengths', '2,4', '--expand-attention']],
  ['--cast, and a name like an option', ['--lengths', '4', '--cast', 'float32', '--no-fixes', '--', '-half.onnx']],
  ['--inputs', [file, '--inputs', './-in.npz', '--no-fixes']],
  ['--inputs with lengths', [file, '--inputs=-in.npz', '--lengths', '5,35', '--no-fixes']],
  ['fixes', [tiny, '--lengths', '2,4']],
];

it.each(options)('%s', async (_option, args) => {
  const first = await asked(['diagnose', ...args]);
  // `--json` is how it is shown; it goes first, so that a name after `--` stays last.
  const again: DiagnoseRequest[] = [];
  const [command = '', ...rest] = reproduceArguments(first.report);
  await runHere([command, '--json', ...rest], {
    work: {
      diagnose: (_deps, request) => {
        again.push(request);
        return Promise.resolve(first.report);
      },
    },
  });
  const normal = ({ inputsFile, expandAttention = false, lengths, ...request }: DiagnoseRequest): unknown => ({
    ...request,
    expandAttention,
    inputsFile: inputsFile === undefined ? null : inputsFile.replace(`${home}/./`, `${home}/`),
    lengths: lengths ?? null,
  });
  expect(again.map(normal)).toEqual([normal(first.request)]);
});

it('a default batch is asked for by its lengths', async () => {
  const { report } = await asked(['diagnose', tiny, '--no-fixes']);
  expect(reproduceArguments(report)).toEqual(['diagnose', '--lengths', '5,35', '--pad', 'left', '--no-fixes', tiny]);
});
