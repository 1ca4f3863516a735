/** A shrunk model as a folder that can be attached to a bug report: model, batch, and a report in words. */
import { version } from '../../../package.json';
import { NanoscopeError } from '../../core/errors';
import { writeNpz } from '../../core/batch/npz';
import { writeModel } from '../../core/onnx/save';
import { show } from '../../core/onnx/show';
import { commandLine } from '../render/command';
import { code } from '../render/escape';
import { markdownReport } from '../render/markdown';
import { fileSize } from '../render/numbers';
import { plural } from '../render/notes';
import type { FileAccess } from '../useCases';
import type { Shrunk } from './shrink';

export interface ShrunkFiles {
  readonly folder: string;
  /** Absolute. */
  readonly model: string;
  readonly inputs: string;
  readonly report: string;
}

export const shrunkNames = { model: 'model.onnx', inputs: 'inputs.npz', report: 'report.md' } as const;

/** @throws NanoscopeError `would-overwrite` unless the folder is new or empty */
export async function writeShrunk(files: FileAccess, shrunk: Shrunk, folder: string): Promise<ShrunkFiles> {
  await requireEmpty(files, folder);
  await files.makeFolder(folder);
  const path = (name: string): string => files.join(folder, name);
  const { loaded } = shrunk.subject;
  const model = path(shrunkNames.model);
  const plan = await writeModel(loaded, loaded.proto, { weights: 'inside', out: model, files });
  await files.writeAtomic(model, plan.model.chunks);
  await files.writeAtomic(path(shrunkNames.inputs), once(writeNpz(shrunk.inputs)));
  await files.writeAtomic(
    path(shrunkNames.report),
    once(new TextEncoder().encode(shrunkReport(shrunk, plan.model.bytes))),
  );
  return { folder, model, inputs: path(shrunkNames.inputs), report: path(shrunkNames.report) };
}

/** @throws NanoscopeError `would-overwrite` unless the folder is new or empty; asked before the work too */
export async function requireEmpty(files: FileAccess, folder: string): Promise<void> {
  if (await isFree(files, folder)) return;
  throw new NanoscopeError(
    'would-overwrite',
    `${show(folder)} exists and is not an empty folder.`,
    'Choose another folder (in a terminal with --out), or move that one away.',
  );
}

/** The folder itself, or the first of `…-2`, `…-3` that is new or empty. */
export async function freeFolder(files: FileAccess, folder: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const path = n === 1 ? folder : `${folder}-${String(n)}`;
    if (await isFree(files, path)) return path;
  }
}

const isFree = async (files: FileAccess, folder: string): Promise<boolean> =>
  !(await files.exists(folder)) || (await files.list(folder))?.length === 0;

/** Rows of before and after: what was taken away. */
export function shrunkFigures({ before, report, subject, nodesBefore, heads }: Shrunk): [string, string, string][] {
  return [
    ['nodes', String(nodesBefore), String(subject.graph.nodes.length)],
    ['layers', String(before.model.layers), String(report.model.layers)],
    ...('before' in heads ? [['heads', String(heads.before), '1'] as [string, string, string]] : []),
    ['samples', String(before.batch.samples), String(report.batch.samples)],
    ['positions', String(before.batch.positions), String(report.batch.positions)],
  ];
}

export function shrunkReport(shrunk: Shrunk, bytes: number): string {
  const { origin, before, uri } = shrunk;
  const repeat = commandLine(['diagnose', shrunkNames.model, '--inputs', shrunkNames.inputs]);
  const report = { ...shrunk.report, model: { ...shrunk.report.model, name: shrunkNames.model } };
  const figures = shrunkFigures(shrunk).map(([what, was, is]) => `| ${what} | ${was} | ${is} |`);
  return `# NaN of ${code(before.model.name)}, shrunk

Born at ${code(origin.node ?? origin.tensor)}${origin.op === null ? '' : ` (${code(origin.op)})`}: ${code(origin.mechanism)}.

| | full | shrunk |
| --- | --- | --- |
${figures.join('\n')}

${code(shrunkNames.model)} (${fileSize(bytes)}) is cut off behind that node, and ${code(shrunkNames.inputs)} holds ${plural(shrunk.report.batch.samples, 'sample')}. To see it again with NaNoscope ${version}:

    ${repeat}
${'kept' in shrunk.heads ? `\nIts heads are all there: ${shrunk.heads.kept}.\n` : ''}${uri === null ? '' : `\nThe smallest built-in model that shows it, whole: ${code(uri)}\n`}
---

${markdownReport(report, { command: ['diagnose', shrunkNames.model, '--inputs', shrunkNames.inputs] })}`;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
