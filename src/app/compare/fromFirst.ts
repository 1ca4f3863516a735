/** How far the outputs of real tokens are from those of the first variant, where both can be measured. */
import type { RowsDifference } from '../../core/probe/inspect/compare';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { JsonNumber } from '../../core/report';
import { realPositions } from '../../core/verify/alone';
import { encode } from '../measure/facts';
import { runOnce } from '../measure/sessions';
import type { EngineJob } from '../ports';
import { comparableOutputs, layoutOf, rowsWithin, widthOf, type Comparable } from '../verify/comparable';
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

  constructor(private readonly job: EngineJob) {}

  /** @returns null where nothing can be compared, and for the first variant itself */
  async differenceOf(parts: readonly Part[]): Promise<JsonNumber | null> {
    if (this.kept) return this.measured(parts, this.kept);
    this.kept = await this.keep(parts);
    return null;
  }

  private async keep(parts: readonly Part[]): Promise<readonly Kept[]> {
    const kept: Kept[] = [];
    for (const [at, part] of parts.entries()) {
      const { measured } = part.diagnosis;
      const outputs = comparableOutputs(measured).map((output) => ({
        output,
        handle: `first ${String(at)} ${output.tensor}`,
        rows: rowsOf(part, output),
      }));
      await runOnce(this.job, measured.target, encode(measured.target.graph.model, measured.target), {
        fetch: [],
        keep: Object.fromEntries(outputs.map(({ output, handle }) => [handle, output.tensor])),
      });
      kept.push(...outputs);
    }
    return kept;
  }

  private async measured(parts: readonly Part[], kept: readonly Kept[]): Promise<JsonNumber | null> {
    let largest: JsonNumber | null = null;
    for (const part of parts) {
      const { measured } = part.diagnosis;
      const inspect = comparableOutputs(measured).flatMap((output) =>
        kept.flatMap((first, at): AnyInspection[] => {
          const pairs = pairsOf(rowsOf(part, output), first);
          if (!isSame(output, first.output) || pairs.length === 0) return [];
          const params = { ...layoutOf(output), pairs };
          const tensors = [output.tensor, first.handle];
          return [{ id: `${String(at)} ${output.tensor}`, inspector: 'rowsDifference', tensors, params }];
        }),
      );
      if (inspect.length === 0) continue;
      const model = encode(measured.target.graph.model, measured.target);
      const { inspected } = await runOnce(this.job, measured.target, model, { fetch: [], inspect });
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

/** Real tokens that both have; samples of other lengths have nothing to compare. */
function pairsOf(rows: ReadonlyMap<number, readonly number[]>, first: Kept): (readonly [number, number])[] {
  return [...rows].flatMap(([sample, own]) => {
    const others = first.rows.get(sample) ?? [];
    return own.length === others.length ? own.map((row, i) => [row, others[i] ?? 0] as const) : [];
  });
}

function larger(largest: JsonNumber | null, { maxAbsDiff, nanA, nanB }: RowsDifference): JsonNumber | null {
  if (nanA > 0 || nanB > 0) return 'NaN';
  if (largest === null || typeof maxAbsDiff !== 'number') return maxAbsDiff;
  return typeof largest === 'number' ? Math.max(largest, maxAbsDiff) : largest;
}
