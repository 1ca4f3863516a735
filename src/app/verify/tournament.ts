/** Every fix that applies is run on the same padded batch and compared with the reference. */
import { clone } from '@bufbuild/protobuf';
import { NodeProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { applyEdits } from '../../core/onnx/edit';
import { graphOf } from '../../core/onnx/graph';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { FixResult, JsonNumber } from '../../core/report';
import { fixes } from '../../core/fix/index';
import type { Fix, FixContext } from '../../core/fix/types';
import { countRole } from '../../core/trace/ranges';
import { rankFixes, verdictOf } from '../../core/verify/verdict';
import { NanoscopeError } from '../../core/errors';
import type { EngineJob } from '../ports';
import type { Progress } from '../useCases';
import { cellParams } from '../measure/cellParams';
import { encode } from '../measure/facts';
import type { Measurement } from '../measure/measure';
import { withSession } from '../measure/sessions';
import type { ReferenceRun } from './reference';

/**
 * Pairs of runs for the cost: plain and fixed in turn, so that the machine's own ups and downs meet both. Slow models
 * scatter less and get fewer.
 */
const pairsFor = (runMs: number): number => (runMs > 1000 ? 1 : runMs > 100 ? 3 : 9);

/** An edited copy of the model; the original is not changed. What no edit names is shared with it. */
export function edited(proto: ModelProto, edits: Parameters<typeof applyEdits>[1]): ModelProto {
  const graph = graphOf(proto);
  const named = new Set(
    edits.flatMap((edit) =>
      edit.kind === 'replaceInput' || edit.kind === 'setAttribute'
        ? [edit.node]
        : edit.kind === 'replaceOutput'
          ? [edit.from]
          : [],
    ),
  );
  const copy: ModelProto = {
    ...proto,
    metadataProps: [...proto.metadataProps],
    graph: {
      ...graph,
      // Lists are changed in place, and so are nodes that an edit names; weights and all other nodes are shared.
      node: graph.node.map((node) =>
        node.output.some((name) => named.has(name)) ? clone(NodeProtoSchema, node) : node,
      ),
      initializer: [...graph.initializer],
      input: [...graph.input],
      output: [...graph.output],
    },
  };
  applyEdits(copy, edits);
  return copy;
}

export async function tournament(
  job: EngineJob,
  measured: Measurement,
  context: FixContext,
  reference: ReferenceRun,
  roles: readonly (readonly string[])[],
  onProgress: (progress: Progress) => void,
): Promise<FixResult[]> {
  const { target } = measured;
  const options = { level: 'disabled' as const, prepack: true, externalDataFolder: target.externalDataFolder };
  return withSession(job, encode(target.graph.model, target), options, async (plain) => {
    const results: FixResult[] = [];
    for (const [i, fix] of fixes.entries()) {
      onProgress({
        text: `Trying fix ${String(i + 1)} of ${String(fixes.length)}: ${fix.title}`,
        fraction: i / fixes.length,
      });
      results.push(await tryFix(job, measured, context, reference, roles, fix, plain.id));
    }
    return rankFixes(results);
  });
}

const declined = (fix: Fix, reason: string, reference: ReferenceRun, edits = 0): FixResult => ({
  id: fix.id,
  title: fix.title,
  verdict: 'declines',
  reason,
  reference: reference.kind,
  nanAfter: null,
  realNanAfter: null,
  realMaxAbsDiff: null,
  tolerance: reference.tolerance,
  topTokenSame: null,
  costRatio: null,
  edits,
});

async function tryFix(
  job: EngineJob,
  measured: Measurement,
  context: FixContext,
  reference: ReferenceRun,
  roles: readonly (readonly string[])[],
  fix: Fix,
  plain: number,
): Promise<FixResult> {
  const plan = fix.plan(context);
  if (!plan.applies) return declined(fix, plan.reason, reference);
  const { target } = measured;
  const options = { level: 'disabled' as const, prepack: true, externalDataFolder: target.externalDataFolder };
  try {
    return await withSession(job, encode(edited(target.graph.model, plan.edits), target), options, (session) =>
      proved(job, measured, reference, roles, fix, plan.edits.length, { plain, edited: session.id }),
    );
  } catch (error) {
    if (error instanceof NanoscopeError && error.code !== 'cancelled' && error.code !== 'timeout') {
      return declined(
        fix,
        `The engine does not accept the edited model: ${error.message}`,
        reference,
        plan.edits.length,
      );
    }
    throw error;
  }
}

/** The edited model's run against the reference, and its time against the plain one's. */
async function proved(
  job: EngineJob,
  measured: Measurement,
  reference: ReferenceRun,
  roles: readonly (readonly string[])[],
  fix: Fix,
  edits: number,
  sessions: { readonly plain: number; readonly edited: number },
): Promise<FixResult> {
  const feeds = measured.target.inputs;
  const outputs = [...measured.keptOutputs.keys()].filter((output) => measured.flagsOf(output) !== null);
  const run = await job.run({
    session: sessions.edited,
    feeds,
    fetch: [],
    inspect: [
      ...outputs.flatMap((output): AnyInspection[] => {
        const axes = measured.axes.of(output);
        return axes
          ? [{ id: `health:${output}`, inspector: 'health', tensors: [output], params: cellParams(measured, axes) }]
          : [];
      }),
      ...reference.compared.map(({ output, sample, handle, leading, pairs: rows }): AnyInspection => ({
        id: `diff:${String(sample)}:${output}`,
        inspector: 'rowsDifference',
        tensors: [output, handle],
        params: { leading, pairs: rows },
      })),
    ],
  });
  let nanAfter = 0;
  let realNanAfter = 0;
  for (const output of outputs) {
    const figures = run.inspected[`health:${output}`] as Inspections['health']['result'] | undefined;
    const sequence = measured.flagsOf(output)?.sequence ?? 0;
    for (const [sample, { nan, nanAt }] of (figures ?? []).entries()) {
      nanAfter += nan;
      realNanAfter += countRole(nanAt, roles[sequence]?.[sample] ?? '', 'r');
    }
  }
  let largest: JsonNumber | null = reference.compared.length > 0 ? 0 : null;
  let topTokenSame: boolean | null = null;
  for (const { output, sample } of reference.compared) {
    const found = run.inspected[`diff:${String(sample)}:${output}`] as Inspections['rowsDifference']['result'];
    if (typeof largest === 'number')
      largest = typeof found.maxAbsDiff === 'number' ? Math.max(largest, found.maxAbsDiff) : found.maxAbsDiff;
    if (found.topSame !== null) topTokenSame = (topTokenSame ?? true) && found.topSame;
  }
  const ratios: number[] = [];
  for (let i = 0; i < pairsFor(run.runMs); i += 1) {
    const before = await job.run({ session: sessions.plain, feeds, fetch: [] });
    const after = await job.run({ session: sessions.edited, feeds, fetch: [] });
    ratios.push(after.runMs / before.runMs);
  }
  const outcome = {
    reference: reference.kind,
    nanAfter,
    realNanAfter,
    realMaxAbsDiff: largest,
    tolerance: reference.tolerance,
  };
  return {
    id: fix.id,
    title: fix.title,
    ...verdictOf({ ...outcome, withoutReference: reference.reason }),
    ...outcome,
    topTokenSame,
    costRatio: Math.round((ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 1) * 100) / 100,
    edits,
  };
}
