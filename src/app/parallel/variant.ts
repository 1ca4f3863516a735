/** A variant that runs in several processes, as runs of a comparison: one for each rank, one for all stages together. */
import { joinedRuns, runOfReport } from '../../core/compare/runOfReport';
import type { ComparedRun } from '../../core/compare/types';
import { batchPlace } from '../../core/onnx/axes/types';
import type { ModelProto } from 'onnx-buf';
import { weightBytes } from '../../core/parallel/cut';
import type { Parallel } from '../../core/parallel/settings';
import type { HealthParams, SampleFigures } from '../../core/probe/inspect/health';
import type { TensorData } from '../../core/tensor';
import { outputsBy, rowsBy } from '../compare/outputsAt';
import type { Part } from '../compare/variant';
import { cellParams } from '../measure/cellParams';
import type { Measurement } from '../measure/measure';
import { lookedAt } from '../measure/measure';
import type { Engine } from '../ports';
import { plural } from '../render/notes';
import { fileSize } from '../render/numbers';
import type { DiagnoseEvents } from '../useCases';
import type { Whole } from './arrange';
import { arranged } from './arrange';
import type { Arrangement, Ran } from './chains';
import { runChains } from './chains';

export interface ParallelRun {
  readonly run: ComparedRun;
  /** The outputs of the model, by part of the batch. */
  readonly outputs: readonly ReadonlyMap<string, TensorData>[];
}

/** How the parts of a model are found: split by what was said, or read from files. */
export type Split = (whole: Whole) => Arrangement;

export const splitBy =
  (how: Parallel): Split =>
  (whole) =>
    arranged(whole, how);

/**
 * @param parts the same variant in one process: its rows, roles and axes, and the batches that are fed
 * @throws NanoscopeError as `runChains`, and for a model that cannot be split
 */
export async function runParallel(
  engine: Engine,
  { model, label, parts, split }: { model: string; label: string; parts: readonly Part[]; split: Split },
  events: Pick<DiagnoseEvents, 'onProgress'>,
  signal?: AbortSignal,
): Promise<ParallelRun[]> {
  const done: { part: Part; arrangement: Arrangement; ran: readonly Ran[]; ms: number }[] = [];
  for (const part of parts) {
    const start = performance.now();
    const shown = lookedAt(part.diagnosis.measured);
    const { target, facts } = shown;
    const rows = paramsOf(part, shown);
    const outputs = part.diagnosis.report.outputs.map(({ name }) => name);
    const arrangement = split({
      model,
      graph: target.graph,
      facts: facts.values,
      externalDataFolder: target.externalDataFolder,
      outputs,
      rows: [...rows.keys()],
    });
    const asked = { inputs: target.inputs, outputs: new Set(outputs), rows, fences: target.fences };
    const ran = await runChains(engine, arrangement, asked, events, signal);
    done.push({ part, arrangement, ran, ms: performance.now() - start });
  }
  const [first] = done;
  if (!first) return [];
  const ms = done.reduce((sum, one) => sum + one.ms, 0);
  const { arrangement } = first;
  // Stages are one model; each rank has its own table.
  const views =
    arrangement.kind === 'ranks' ? arrangement.chains.map((_, at) => [at]) : [arrangement.chains.map((_, at) => at)];
  return views.map((chains): ParallelRun => {
    const title = arrangement.kind === 'ranks' ? `${label}, rank ${String(chains[0] ?? 0)}` : label;
    const batches = done.map(({ part, ran }) => ({
      run: runOf(
        part,
        chains.flatMap((at) => ran[at] ?? []),
        title,
      ),
      samples: part.samples,
    }));
    return {
      run: {
        ...joinedRuns(batches, first.part.of, title),
        facts: [...factsOf(arrangement, chains), `${String(Math.round(ms))} ms`],
      },
      outputs: done.map(({ ran }) => new Map(chains.flatMap((at) => [...(ran[at]?.tensors ?? [])]))),
    };
  });
}

/** Every row of the table that the engine computes, and the outputs. */
function paramsOf({ diagnosis }: Part, shown: Measurement): ReadonlyMap<string, HealthParams> {
  const params = new Map<string, HealthParams>();
  const { report } = diagnosis;
  for (const name of [...report.table.map(({ tensor }) => tensor), ...report.outputs.map((output) => output.name)]) {
    const axes = shown.axes.of(name);
    if (axes && !params.has(name) && shown.target.graph.producer.has(name)) params.set(name, cellParams(shown, axes));
  }
  return params;
}

/** The report's rows as this process has them; what it does not compute it has no row of. */
function runOf({ diagnosis }: Part, ran: readonly Ran[], label: string): ComparedRun {
  const { report, measured } = diagnosis;
  const shown = lookedAt(measured);
  const figuresOf = (name: string): readonly SampleFigures[] | null => {
    const own = ran.map(({ figures }) => figures.get(name)).find((found) => found !== undefined);
    const axes = shown.axes.of(name);
    if (own === undefined || axes === null) return null;
    const [first] = own;
    // What has no samples of its own is the same for all of them.
    return batchPlace(axes) === null && first ? own.map(() => first) : own;
  };
  // What is fed to the model is the same in every process.
  const isShown = (tensor: string): boolean => figuresOf(tensor) !== null || Object.hasOwn(shown.target.inputs, tensor);
  const { births: _, ...own } = runOfReport(report, label);
  return {
    ...own,
    table: rowsBy({ ...report, table: report.table.filter(({ tensor }) => isShown(tensor)) }, figuresOf),
    outputs: outputsBy({ outputs: report.outputs.filter(({ name }) => isShown(name)) }, figuresOf),
  };
}

export const weightsFact = (models: readonly ModelProto[]): string => `weights ${fileSize(weightBytes(models))}`;

function factsOf({ kind, chains, allReduce }: Arrangement, own: readonly number[]): string[] {
  const sizes = own.map((at) => fileSize(weightBytes((chains[at]?.segments ?? []).map(({ model }) => model))));
  if (kind === 'ranks') return [`weights ${sizes.join()}`, plural(allReduce.size, 'all-reduce')];
  const made = new Set(chains.flatMap(({ segments }) => segments.flatMap(({ gives }) => gives)));
  const read = new Set(chains.slice(1).flatMap(({ segments }) => segments.flatMap(({ reads }) => reads)));
  const handed = [...read].filter((value) => made.has(value)).length;
  return [`weights ${sizes.join(' + ')}`, `${plural(handed, 'value')} handed on`];
}
