/** On request: the model with its fused attention written out in plain operators, which is then diagnosed. */
import { altered } from '../core/onnx/altered';
import { expansionOf } from '../core/onnx/expand/index';
import { Graph, graphOf } from '../core/onnx/graph';
import { joinPath, Names } from '../core/onnx/names';
import { splice } from '../core/onnx/splice';
import { aroundIn } from './measure/around';
import { expandedBody, frameOf, isFused } from './measure/fused/write';
import { prepare } from './measure/measure';
import type { EngineJob } from './ports';
import type { PreparedBatch } from './prepareBatch';
import type { Subject } from './subject';

/** Names shown of the nodes that stay as they are. */
const mostNames = 3;

/** Sizes are those of this batch: what comes out runs with no other. */
export async function expandAttention(
  job: EngineJob,
  subject: Subject,
  made: PreparedBatch,
): Promise<{ readonly subject: Subject; readonly made: PreparedBatch }> {
  const { model, inside, written, kept } = writeOut(subject, made);
  const graph = new Graph(model);
  const target = { graph, inputs: made.batch.inputs, externalDataFolder: subject.loaded.externalDataFolder };
  const prepared = written === 0 ? made.prepared : await prepare(job, target, made.prepared.inputAxes);
  const reasons = [...kept].map(
    ([reason, nodes]) =>
      `${nodes.slice(0, mostNames).join(', ')}${nodes.length > mostNames ? `, … (${String(nodes.length)} in all)` : ''} stayed fused: ${reason}.`,
  );
  const note =
    written === 0
      ? 'No fused attention was written out.'
      : `${String(written)} fused attention ${written === 1 ? 'node was' : 'nodes were'} written out in plain operators (--expand-attention). ` +
        "This is what the operators stand for, not what the engine's kernels compute: a kernel may give zeros where this gives NaN. No fix was tried on it.";
  return {
    subject: {
      ...subject,
      graph,
      loaded: { ...subject.loaded, proto: model },
      inlined: { ...subject.inlined, model, inside },
      expandedAttention: true,
      notes: [...subject.notes, [note, ...reasons].join(' ')],
    },
    made: { ...made, prepared },
  };
}

function writeOut(
  { graph, inlined }: Subject,
  { prepared }: PreparedBatch,
): {
  readonly model: Subject['loaded']['proto'];
  readonly inside: Subject['inlined']['inside'];
  readonly written: number;
  readonly kept: ReadonlyMap<string, readonly string[]>;
} {
  const around = aroundIn(prepared);
  const names = Names.of(graph.model);
  const inside = new Map(inlined.inside);
  const kept = new Map<string, string[]>();
  const own = graphOf(graph.model);
  const initializers = [...own.initializer];
  let written = 0;
  const nodes = graph.nodes.flatMap((node) => {
    const body = isFused(node) ? expansionOf(node, around) : null;
    if (body === null) return [node.proto];
    if (typeof body === 'string') {
      kept.set(body, [...(kept.get(body) ?? []), node.name]);
      return [node.proto];
    }
    written += 1;
    const path = joinPath(node.name, expandedBody);
    const spliced = splice({ body, inputs: node.inputs, outputs: node.outputs, path, names, copyConstants: true });
    initializers.push(...spliced.initializers);
    const frames = [...(inlined.inside.get(node.name) ?? []), frameOf(node.name, node.op)];
    for (const { name } of spliced.nodes) inside.set(name, frames);
    return [...spliced.nodes];
  });
  const model = altered(graph.model, { graph: altered(own, { node: nodes, initializer: initializers }) });
  return { model, inside, written, kept };
}
