/** The main job: model and batch in, report out. */
import type { MaskReading } from '../core/batch/maskReading';
import { allReal, paddingSide } from '../core/batch/roles';
import type { Batch, LengthSpec } from '../core/batch/types';
import { NanoscopeError } from '../core/errors';
import type { FixContext } from '../core/fix/types';
import type { Graph, GraphNode } from '../core/onnx/graph';
import { float8Values } from '../core/probe/float8';
import { isFloat } from '../core/probe/instrument';
import type { BatchInfo, Observer, Report } from '../core/report';
import { withFindings } from '../core/trace/findingSites';
import { hasNaN } from '../core/trace/health';
import { placesNote } from '../core/trace/places';
import type { Site } from '../core/trace/sites';
import { placesInTable, tableSites } from '../core/trace/sites';
import { buildTable } from '../core/trace/table';
import { withLines } from '../core/trace/written';
import { EmptyBatch, emptyReport } from './emptyBatch';
import { expandAttention } from './expandAttention';
import { confirmed } from './look/confirm';
import { lookAtMasks, lookOf } from './look/lookAtMasks';
import { locateInside } from './measure/bodies/inside';
import { bodyNotes } from './measure/bodies/notes';
import { ruledOutBy } from './measure/checked';
import { siteFigures } from './measure/details';
import type { Findings } from './measure/findings';
import { findings, outputPositions } from './measure/findings';
import type { Measurement } from './measure/measure';
import { lookedAt } from './measure/measure';
import { withInfinities } from './measure/infinity';
import { observe } from './measure/observer';
import type { RolesFound } from './measure/roles';
import { rolesOf } from './measure/roles';
import { screen } from './measure/screen';
import { silentTrouble } from './measure/silent';
import { sickWeights } from './measure/weights';
import { modelInfo } from './modelInfo';
import { withTablesTold } from './outOfRange';
import type { EngineJob } from './ports';
import { padIdNotes, prepareBatch } from './prepareBatch';
import type { Subject } from './subject';
import { openSubject } from './subject';
import type { Diagnose, DiagnoseDeps, DiagnoseEvents, DiagnoseRequest, Progress } from './useCases';
import { chooseReference } from './verify/chooseReference';
import { comparableOutputs, comparableRows } from './verify/comparable';
import type { Outcome } from './verify/tournament';
import { tournament } from './verify/tournament';

/** A batch that holds nothing is no error here: nothing can be NaN. */
export const diagnose: Diagnose = async (deps, request, events, signal) => {
  const job = deps.engine.start(signal);
  try {
    const run = await runDiagnosis(job, deps, request, events);
    return run.report;
  } catch (error) {
    if (!(error instanceof EmptyBatch)) throw error;
    return await emptyReport(job, error, askedFor(deps, request, error.batch));
  } finally {
    await job.close();
  }
};

/** What applying a fix needs beside the report. */
export interface Diagnosis {
  readonly subject: Subject;
  readonly measured: Measurement;
  readonly context: FixContext;
  readonly report: Report;
}

/** @param given the model where it is no file (any more): `request.model` as it is after an edit, say. */
export async function runDiagnosis(
  job: EngineJob,
  deps: DiagnoseDeps,
  request: DiagnoseRequest,
  events: DiagnoseEvents,
  given?: Subject,
): Promise<Diagnosis> {
  const progress = (text: string, fraction: number | null): void => events.onProgress?.({ text, fraction });
  progress('Reading the model', null);
  const opened = given ?? (await openSubject(deps.files, request.model, request.cast));
  const asked = await prepareBatch(job, deps, opened, request, progress);
  const expand = request.expandAttention === true;
  const { subject, made } = expand
    ? await expandAttention(job, asked.subject, asked)
    : { subject: asked.subject, made: asked };
  const { batch, prepared, masks, padIds } = made;
  progress('Measuring every tensor', 0.3);
  const measured = await withTablesTold(subject, batch, () => screen(job, prepared));
  const { grid } = measured;
  if (request.inputsFile !== undefined && request.lengths) checkGivenLengths(request.lengths, grid);
  const roles = rolesOf(batch, masks, grid.samples, grid.positions);
  progress('Looking closer at where NaN is born', 0.45);
  // With the branch that ran in the place of every If, there is more to show.
  const shown = lookedAt(measured);
  const shownGraph = measured.opened ? shown.target.graph : subject.graph;
  const sites = tableSites(
    shownGraph,
    shown.axes,
    (value) => shown.flagsOf(value) !== null && isFloatValue(shown, value),
  );
  const placeOf = placesInTable(shownGraph, sites);
  const atBoundaries = await findings(job, measured, roles.roles, placeOf);
  const { opened: bodies, ...located } = await locateInside(job, measured, roles.roles, atBoundaries, subject.inlined);
  const found = {
    origins: withLines(await withInfinities(job, shown, located.origins), shownGraph),
    spread: withLines(located.spread, shownGraph),
    silent: withLines(located.silent, shownGraph),
  };
  const layerOf = (node: GraphNode): number | null => placeOf(node, node.outputs[0] ?? '').layer;
  const tabled = withFindings(sites, shownGraph, found.origins, (value) => {
    const flags = isFloatValue(shown, value) ? shown.flagsOf(value) : null;
    return flags !== null && hasNaN(flags);
  });
  const looked = confirmed(await lookAtMasks(job, made, layerOf), measured, found, roles.roles);
  const version = await job.version();
  const said = { ...askedFor(deps, request, batch), ...(Object.keys(padIds).length > 0 && { padIds }) };
  const assemble = (figures: Awaited<ReturnType<typeof siteFigures>>, rest: { observer?: Observer }): Report => ({
    schemaVersion: 1,
    ...header(subject, measured, batch, roles, version, said, layerOf),
    table: buildTable({
      sites: tabled,
      axes: shown.axes,
      flagsOf: shown.flagsOf,
      facts: shown.facts.values,
      samples: measured.grid.samples,
      roles: roles.roles,
      figures,
    }),
    ...found,
    ...(looked.masks.length > 0 && { staticLook: lookOf(looked) }),
    ...rest,
    notes: [
      ...subject.notes,
      ...(measured.target.fences === null ? [] : [roundingNote]),
      ...placesNote(subject.graph),
      ...(float8Values(shownGraph.model).size > 0 ? [float8Note] : []),
      ...padIdNotes(padIds, subject),
      ...bodyNotes(shownGraph, subject.inlined, bodies, [...(measured.opened?.inside.values() ?? [])]),
    ],
  });
  // The table as soon as it is known; the figures in its cells, the observer and the fixes follow.
  events.onReport?.(assemble(new Map(), {}));
  progress('Counting and ranging', 0.55);
  const figures = await siteFigures(job, shown, tabled);
  const weights = await sickWeights(job, shown);
  const measuredReport = assemble(figures, {});
  let report: Report = {
    ...measuredReport,
    silent: [
      ...found.silent,
      ...withLines(silentTrouble(shown, sites, figures, roles.roles, found.origins, weights.nan, placeOf), shownGraph),
    ],
    ruledOut: ruledOutBy(measured, measuredReport.model.attention, found.origins, weights, roles.roles),
  };
  events.onReport?.(report);
  progress('Checking that looking changed nothing', 0.65);
  const { observer, notes } = await observe(job, measured, request.userLevel);
  report = { ...report, observer, notes: [...report.notes, ...notes] };
  events.onReport?.(report);
  const context = fixContext(subject.graph, measured, masks, found);
  if (request.fixes && !expand) {
    progress('Running every sample without its padding', 0.75);
    report =
      found.origins.length === 0
        ? { ...report, fixes: [] }
        : { ...report, ...(await proveFixes(job, subject, measured, context, roles, sites, events)) };
    events.onReport?.(report);
  }
  return { subject, measured, context, report };
}

const roundingNote =
  'The model computes in float16: every value was rounded to float16 after its node, as a GPU does, which the CPU ' +
  'engine alone does not. Inside one node (the sum of a MatMul, a norm) it counts in float32 and rounds once.';

const float8Note = 'float8 values are shown as float32, which holds each of them exactly.';

async function proveFixes(
  job: EngineJob,
  subject: Subject,
  measured: Measurement,
  context: FixContext,
  { roles }: RolesFound,
  sites: readonly Site[],
  events: DiagnoseEvents,
): Promise<Outcome> {
  const { model } = subject.graph;
  const wanted = [...comparableOutputs(measured), ...comparableRows(measured, sites)];
  const reference = await chooseReference(job, model, measured, context, subject.inputs, roles, wanted);
  const onProgress = ({ text, fraction }: Progress): void => {
    events.onProgress?.({ text, fraction: fraction === null ? null : 0.8 + 0.2 * fraction });
  };
  return tournament({ job, measured, model, specs: subject.inputs, context, reference, roles, sites, onProgress });
}

/** Lengths beside an inputs file say which of its positions are real, so they have to fit what the file holds. */
function checkGivenLengths({ lengths }: LengthSpec, grid: Measurement['grid']): void {
  const size = Math.max(...grid.positions, 1);
  if (lengths.length !== grid.samples || lengths.some((length) => length > size)) {
    throw new NanoscopeError(
      'bad-input',
      `The inputs file holds ${String(grid.samples)} × ${String(size)} positions; the lengths ${lengths.join(', ')} do not fit.`,
      'Give one length per sample of the file, none longer than its positions, or leave the lengths out.',
    );
  }
}

/** What somebody has to say to feed the same batch again. */
function askedFor(deps: DiagnoseDeps, request: DiagnoseRequest, batch: Batch): Pick<BatchInfo, 'source' | 'mask'> {
  const { inputsFile, mask } = request;
  const { lengths } = batch;
  return {
    ...(inputsFile === undefined
      ? lengths && { source: { kind: 'lengths', ...lengths } }
      : {
          source: {
            kind: 'file',
            name: batch.readFrom ?? deps.files.basename(inputsFile),
            ...(lengths && { lengths: lengths.lengths, pad: lengths.pad }),
          },
        }),
    ...(mask === undefined ? {} : { mask }),
  };
}

export function fixContext(
  graph: Graph,
  measured: Measurement,
  padding: readonly MaskReading[],
  found: Findings,
): FixContext {
  const float8 = float8Values(graph.model);
  return {
    graph,
    axes: measured.axes,
    sites: measured.sites,
    padding,
    origins: found.origins,
    silent: found.silent,
    // In the file it is none of the types that a fix can compute with.
    dtype: (value) => (float8.has(value) ? null : (measured.facts.values.get(value)?.dtype ?? null)),
    shape: (value) => measured.facts.shape(value),
  };
}

const isFloatValue = (measured: Measurement, value: string): boolean =>
  isFloat(measured.facts.values.get(value)?.dtype ?? '');

function header(
  subject: Subject,
  measured: Measurement,
  batch: Batch,
  roles: RolesFound,
  version: string,
  asked: Pick<BatchInfo, 'source' | 'mask' | 'padIds'>,
  layerOf: (node: GraphNode) => number | null,
): Pick<Report, 'model' | 'engine' | 'batch' | 'outputs'> {
  const { graph } = subject;
  const { grid } = measured;
  // A model without a position axis has one place per sample, and it is real.
  const own = roles.roles[0] ?? allReal(grid.samples, 1);
  const memory = roles.roles[1];
  return {
    model: modelInfo(subject, measured, layerOf),
    engine: { name: 'onnxruntime-node', version, optimization: 'disabled' },
    batch: {
      samples: grid.samples,
      positions: grid.positions[0] ?? 1,
      padding: own.map(paddingSide),
      roles: own,
      inputs: Object.fromEntries(
        Object.entries(batch.inputs).map(([name, tensor]) => [name, { dtype: tensor.dtype, shape: tensor.dims }]),
      ),
      rolesFrom: roles.from === '' ? 'the model has no position axis' : roles.from,
      ...(memory ? { memory: { positions: grid.positions[1] ?? 0, roles: memory } } : {}),
      ...asked,
    },
    outputs: graph.outputs.map((name) => {
      const found = outputPositions(measured.flagsOf(name), measured.axes.of(name), grid.samples);
      return found
        ? {
            name,
            nanPositions: found.counts,
            of: found.of,
            nanAt: found.at,
            ...(found.held !== null && { held: found.held }),
          }
        : { name, nanPositions: null, of: 1, nanAt: null };
    }),
  };
}
