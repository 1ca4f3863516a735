/** One fix on trial: the runs that it takes, compared with the reference, and their time against the plain run's. */
import type { ModelProto } from 'onnx-buf';
import { graphOf } from '../../core/onnx/graph';
import { extended } from '../../core/probe/instrument';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { FixResult, FixRow, JsonNumber } from '../../core/report';
import type { TensorData } from '../../core/tensor';
import { countRole } from '../../core/trace/ranges';
import { verdictOf } from '../../core/verify/verdict';
import type { EngineJob } from '../ports';
import { cellParams } from '../measure/cellParams';
import { encode } from '../measure/facts';
import type { Measurement } from '../measure/measure';
import { withSession } from '../measure/sessions';
import { layoutOf } from './comparable';
import { idOf, type Compared, type ReferenceRun } from './reference';

export type About = Pick<FixResult, 'id' | 'kind' | 'title' | 'effect' | 'parts' | 'fed' | 'batches'>;

export interface TrialRun {
  readonly feeds: Readonly<Record<string, TensorData>>;
  /** Roles of these feeds, by sequence, where they are laid out as the padded batch; null where all tokens are real. */
  readonly roles: readonly (readonly string[])[] | null;
  /** What the reference has of this run, and where it stands: [row of this run, row of the reference]. */
  readonly compared: readonly { readonly own: Compared; readonly pairs: Compared['pairs'] }[];
}

export interface Trial {
  readonly about: About;
  readonly model: ModelProto;
  readonly runs: readonly TrialRun[];
  /** Of the graph. */
  readonly edits: number;
}

/**
 * Pairs of runs for the cost: plain and fixed in turn, so that the machine's own ups and downs meet both. Slow models
 * scatter less and get fewer.
 */
const pairsFor = (runMs: number): number => (runMs > 500 ? 1 : runMs > 50 ? 3 : 7);

/**
 * @param plain session of the model without any fix.
 * @throws NanoscopeError where the engine does not accept the model.
 */
export async function judge(
  job: EngineJob,
  measured: Measurement,
  reference: ReferenceRun,
  { about, model, runs, edits }: Trial,
  plain: number,
): Promise<FixResult> {
  const { target } = measured;
  const made = new Set(graphOf(model).node.flatMap(({ output }) => output));
  const rows = [...new Set(reference.compared.flatMap(({ row, tensor }) => (row && made.has(tensor) ? [tensor] : [])))];
  const options = { level: 'disabled' as const, prepack: true, externalDataFolder: target.externalDataFolder };
  const bytes = encode(extended(model, { outputs: rows }), target);
  return withSession(job, bytes, options, async (session) => {
    const seen = new Seen();
    for (const run of runs) {
      const compared = run.compared.filter(({ own }) => own.row === null || made.has(own.tensor));
      const { inspected, runMs } = await job.run({
        session: session.id,
        feeds: run.feeds,
        fetch: [],
        inspect: [...(run.roles === null ? [] : healthOf(measured)), ...compared.map(inspectionOf)],
      });
      seen.runMs += runMs;
      if (run.roles !== null) seen.countHealth(measured, run.roles, inspected);
      for (const one of compared) {
        const found = inspected[idOf(one.own)] as Inspections['rowsDifference']['result'];
        seen.compare(one.own, found, run.roles === null);
      }
    }
    const ratios: number[] = [];
    for (let i = 0; i < pairsFor(seen.runMs); i += 1) {
      const before = await job.run({ session: plain, feeds: target.inputs, fetch: [] });
      let after = 0;
      for (const { feeds } of runs) after += (await job.run({ session: session.id, feeds, fetch: [] })).runMs;
      ratios.push(after / before.runMs);
    }
    const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 1;
    const outcome = {
      reference: reference.kind,
      nanAfter: seen.nan,
      realNanAfter: seen.realNan,
      realMaxAbsDiff: seen.largest,
      tolerance: reference.tolerance,
    };
    const judged = verdictOf({ ...outcome, withoutReference: reference.reason });
    // That some samples are as right as before is no figure of the others.
    const unknown = reference.kind === 'none' && judged.verdict !== 'hides';
    return {
      ...about,
      ...judged,
      ...outcome,
      ...(unknown && { realMaxAbsDiff: null, tolerance: null }),
      topTokenSame: unknown ? null : seen.topTokenSame,
      costRatio: Math.round(median * 100) / 100,
      edits,
      ...(seen.rows.size > 0 && { byRow: [...seen.rows.values()] }),
    };
  });
}

const inspectionOf = ({ own, pairs }: TrialRun['compared'][number]): AnyInspection => ({
  id: idOf(own),
  inspector: 'rowsDifference',
  tensors: [own.tensor, own.handle],
  params: { ...layoutOf(own), pairs },
});

const countedOutputs = (measured: Measurement): string[] =>
  [...measured.keptOutputs.keys()].filter((output) => measured.flagsOf(output) !== null);

function healthOf(measured: Measurement): AnyInspection[] {
  return countedOutputs(measured).flatMap((output): AnyInspection[] => {
    const axes = measured.axes.of(output);
    return axes
      ? [{ id: `health:${output}`, inspector: 'health', tensors: [output], params: cellParams(measured, axes) }]
      : [];
  });
}

/** What the runs of a trial showed, all together. */
class Seen {
  nan = 0;
  realNan = 0;
  runMs = 0;
  largest: JsonNumber | null = null;
  topTokenSame: boolean | null = null;
  readonly rows = new Map<string, FixRow>();

  countHealth(
    measured: Measurement,
    roles: readonly (readonly string[])[],
    inspected: Readonly<Record<string, unknown>>,
  ): void {
    for (const output of countedOutputs(measured)) {
      const figures = inspected[`health:${output}`] as Inspections['health']['result'] | undefined;
      const sequence = measured.flagsOf(output)?.sequence ?? 0;
      for (const [sample, { nan, nanAt }] of (figures ?? []).entries()) {
        this.nan += nan;
        this.realNan += countRole(nanAt, roles[sequence]?.[sample] ?? '', 'r');
      }
    }
  }

  /** @param countNaN where nothing else counts it. */
  compare(own: Compared, found: Inspections['rowsDifference']['result'], countNaN: boolean): void {
    const { row } = own;
    if (row) {
      const key = JSON.stringify(row);
      const before = this.rows.get(key)?.maxAbsDiff ?? null;
      this.rows.set(key, { ...row, maxAbsDiff: larger(before, found.maxAbsDiff) });
      return;
    }
    if (countNaN) {
      this.nan += found.nanRowsA;
      this.realNan += found.nanRowsA;
    }
    this.largest = larger(this.largest, found.maxAbsDiff);
    if (found.topSame !== null) this.topTokenSame = (this.topTokenSame ?? true) && found.topSame;
  }
}

/** What is no number is larger than all that are. */
const larger = (a: JsonNumber | null, b: JsonNumber): JsonNumber =>
  a === null ? b : typeof a !== 'number' ? a : typeof b !== 'number' ? b : Math.max(a, b);
