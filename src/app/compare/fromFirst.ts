/** How far the outputs of real tokens are from those of the first variant, in samples where neither holds NaN. */
import type { RowsDifference } from '../../core/probe/inspect/compare';
import type { AnyInspection } from '../../core/probe/inspectors';
import { modelBytes } from '../../core/onnx/modelBytes';
import { copying } from '../../core/parallel/copying';
import type { EngineLevel, JsonNumber } from '../../core/report';
import type { TensorData } from '../../core/tensor';
import { realPositions } from '../../core/verify/alone';
import { runOnce } from '../measure/sessions';
import type { EngineJob, RunResult } from '../ports';
import { comparableOutputs, layoutOf, rowsWithin, widthOf, type Comparable } from '../verify/comparable';
import { runForOutputs } from './outputRun';
import type { Part } from './variant';

interface Kept {
  readonly output: Comparable;
  readonly handle: string;
  /** By sample of the comparison: rows of the tensor that hold its real tokens, in their order. */
  readonly rows: ReadonlyMap<number, readonly number[]>;
}

/** The first variant's outputs stay in the engine's process; everything else is compared there. */
export class FirstOutputs {
  private kept: readonly Kept[] | null = null;

  /** @param prefix of the names under which outputs are kept, where several are at work in one process */
  constructor(
    private readonly job: EngineJob,
    private readonly prefix = '',
  ) {}

  /**
   * @param level of the variant's own runs; null where it is told by the run that was measured
   * @returns null where nothing can be compared, and for the first variant itself
   */
  async differenceOf(parts: readonly Part[], level: EngineLevel | null): Promise<JsonNumber | null> {
    if (this.kept)
      return this.measured(parts, this.kept, ({ diagnosis }, inspect) =>
        runForOutputs(this.job, diagnosis.measured, level, { fetch: [], inspect }),
      );
    this.kept = await this.keep(parts, level);
    return null;
  }

  /**
   * The same for outputs that other processes computed. Where no variant came before, from the model in one process.
   * @param parts that model; outputs by its parts
   */
  async differenceOfOutputs(
    parts: readonly Part[],
    outputs: readonly ReadonlyMap<string, TensorData>[],
  ): Promise<JsonNumber | null> {
    this.kept ??= await this.keep(parts, null);
    return this.measured(parts, this.kept, (part, inspect) => {
      const given = outputs[parts.indexOf(part)] ?? new Map<string, TensorData>();
      const { model, inputs } = copying(given);
      const known = inspect.filter(({ tensors }) => given.has(tensors[0] ?? ''));
      if (known.length === 0) return Promise.resolve({ tensors: {}, inspected: {}, runMs: 0 });
      const target = { inputs, externalDataFolder: undefined };
      return runOnce(this.job, target, modelBytes(model), { fetch: [], inspect: known });
    });
  }

  /** What is kept is needed no more. */
  async drop(): Promise<void> {
    await this.job.drop((this.kept ?? []).map(({ handle }) => handle));
    this.kept = null;
  }

  private async keep(parts: readonly Part[], level: EngineLevel | null): Promise<readonly Kept[]> {
    const kept: Kept[] = [];
    for (const [at, part] of parts.entries()) {
      const { measured } = part.diagnosis;
      const outputs = comparableOutputs(measured).map((output) => ({
        output,
        handle: `${this.prefix}first ${String(at)} ${output.tensor}`,
        rows: rowsOf(part, output),
      }));
      await runForOutputs(this.job, measured, level, {
        fetch: [],
        keep: Object.fromEntries(outputs.map(({ output, handle }) => [handle, output.tensor])),
      });
      kept.push(...outputs);
    }
    return kept;
  }

  private async measured(
    parts: readonly Part[],
    kept: readonly Kept[],
    run: (part: Part, inspect: readonly AnyInspection[]) => Promise<RunResult>,
  ): Promise<JsonNumber | null> {
    let largest: JsonNumber | null = null;
    for (const part of parts) {
      const { measured } = part.diagnosis;
      const inspect = comparableOutputs(measured).flatMap((output) =>
        kept.flatMap((first, at): AnyInspection[] => {
          if (!isSame(output, first.output)) return [];
          const tensors = [output.tensor, first.handle];
          return pairsOf(rowsOf(part, output), first).map((pairs, i) => {
            const params = { ...layoutOf(output), pairs };
            return { id: `${String(at)} ${String(i)} ${output.tensor}`, inspector: 'rowsDifference', tensors, params };
          });
        }),
      );
      if (inspect.length === 0) continue;
      const { inspected } = await run(part, inspect);
      for (const found of Object.values(inspected)) largest = larger(largest, found as RowsDifference);
    }
    return largest;
  }
}

const isSame = (one: Comparable, other: Comparable): boolean =>
  one.tensor === other.tensor && one.leading === other.leading && one.positionsFirst === other.positionsFirst;

function rowsOf({ diagnosis, samples }: Part, output: Comparable): ReadonlyMap<number, readonly number[]> {
  const { measured, report } = diagnosis;
  const roles = [report.batch.roles, ...(report.batch.memory ? [report.batch.memory.roles] : [])];
  const width = widthOf(output, measured.grid);
  return new Map(
    samples.map((sample, own) => [
      sample,
      rowsWithin(output, realPositions(roles, own)).map((row) => own * width + row),
    ]),
  );
}

/** By sample: real tokens that both have. Samples of other lengths have nothing to compare. */
function pairsOf(
  rows: ReadonlyMap<number, readonly number[]>,
  first: Kept,
): (readonly (readonly [number, number])[])[] {
  return [...rows].flatMap(([sample, own]) => {
    const others = first.rows.get(sample) ?? [];
    return own.length === others.length && own.length > 0 ? [own.map((row, i) => [row, others[i] ?? 0] as const)] : [];
  });
}

/** NaN only where no sample is free of it in both: where NaN is, the table says. */
function larger(largest: JsonNumber | null, { maxAbsDiff }: RowsDifference): JsonNumber {
  if (largest === null || largest === 'NaN') return maxAbsDiff;
  if (maxAbsDiff === 'NaN') return largest;
  return typeof maxAbsDiff === 'number' && typeof largest === 'number' ? Math.max(largest, maxAbsDiff) : 'Infinity';
}
