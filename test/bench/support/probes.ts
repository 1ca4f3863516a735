/** Candidates for the probe: in-graph reductions of each site to (batch, position), appended to the node list. */
import { clone, create } from '@bufbuild/protobuf';
import { ModelProtoSchema, NodeProtoSchema, TensorProto_DataType, ValueInfoProtoSchema } from 'onnx-buf';
import { attributes, int64Initializer, valueInfo } from './transformer';
import type { AxisLabel, Site, Transformer } from './transformer';
import type { ModelProto, NodeProto } from 'onnx-buf';

export type ProbeOp = 'ReduceSum' | 'ReduceSumSquare' | 'ReduceL1' | 'ReduceL2' | 'ReduceMax' | 'ReduceMin';

export interface ProbeOptions {
  readonly sites: 'boundary' | 'every';
  readonly ops: readonly ProbeOp[];
  /** Probes run where they stand in the list when everything they need is there; see FACTS on scheduling. */
  readonly order: 'reverse' | 'forward';
  /** Two axes that are not neighbours have no fast kernel: reduce them one after the other. */
  readonly steps?: 'one' | 'two' | undefined;
}

export interface Probed {
  readonly model: ModelProto;
  readonly outputs: readonly string[];
}

export const chosen = (transformer: Transformer, which: ProbeOptions['sites']): readonly Site[] =>
  transformer.sites.filter((site) => which === 'every' || site.boundary);

/** Axes to sum over: all but the batch and the position (the query, where there is one). */
export function reducedAxes(axes: readonly AxisLabel[]): number[] {
  const position = axes.includes('S') ? 'S' : 'K';
  return axes.flatMap((label, axis) => (label === 'B' || label === position ? [] : [axis]));
}

export function probed(transformer: Transformer, opset: number, options: ProbeOptions): Probed {
  const model = clone(ModelProtoSchema, transformer.model);
  const graph = model.graph;
  if (!graph) throw new Error('a model without a graph');
  const constants = new Set<string>();
  const reduce = (op: ProbeOp, input: string, axes: readonly number[], output: string): NodeProto => {
    if (op === 'ReduceSum' || opset >= 18) {
      const name = `probe_axes_${axes.join('_')}`;
      if (!constants.has(name)) graph.initializer.push(int64Initializer(name, axes));
      constants.add(name);
      return create(NodeProtoSchema, {
        name: output,
        opType: op,
        input: [input, name],
        output: [output],
        attribute: attributes({ keepdims: 0 }),
      });
    }
    return create(NodeProtoSchema, {
      name: output,
      opType: op,
      input: [input],
      output: [output],
      attribute: attributes({ keepdims: 0, axes }),
    });
  };
  const outputs: string[] = [];
  const groups = chosen(transformer, options.sites).map((site) => {
    const axes = reducedAxes(site.axes);
    const nodes: NodeProto[] = [];
    for (const op of options.ops) {
      const output = `${site.tensor}/probe/${op}`;
      outputs.push(output);
      const last = axes.at(-1);
      if (options.steps === 'two' && axes.length === 2 && last !== undefined && last - (axes[0] ?? 0) > 1) {
        // The second step adds what the first has made; squares and magnitudes are not taken twice.
        const second = op === 'ReduceSumSquare' || op === 'ReduceL1' ? 'ReduceSum' : op;
        nodes.push(reduce(op, site.tensor, [last], `${output}/step`));
        nodes.push(reduce(second, `${output}/step`, [axes[0] ?? 0], output));
      } else {
        nodes.push(reduce(op, site.tensor, axes, output));
      }
    }
    return nodes;
  });
  if (options.order === 'reverse') groups.reverse();
  graph.node.push(...groups.flat());
  graph.output.push(...outputs.map((name) => valueInfo(name, TensorProto_DataType.FLOAT)));
  return { model, outputs };
}

/** The survey: a `Shape` node on every tensor. */
export function surveyed(transformer: Transformer, order: ProbeOptions['order']): Probed {
  const model = clone(ModelProtoSchema, transformer.model);
  const graph = model.graph;
  if (!graph) throw new Error('a model without a graph');
  const nodes = transformer.sites.map((site) =>
    create(NodeProtoSchema, { opType: 'Shape', input: [site.tensor], output: [`${site.tensor}/shape`] }),
  );
  if (order === 'reverse') nodes.reverse();
  graph.node.push(...nodes);
  const outputs = transformer.sites.map((site) => `${site.tensor}/shape`);
  graph.output.push(...outputs.map((name) => valueInfo(name, TensorProto_DataType.INT64)));
  return { model, outputs };
}

/** What the probes replace: every tensor is an output, fetched whole. */
export function exposed(transformer: Transformer, which: ProbeOptions['sites']): Probed {
  const model = clone(ModelProtoSchema, transformer.model);
  const graph = model.graph;
  if (!graph) throw new Error('a model without a graph');
  const present = new Set(graph.output.map((output) => output.name));
  const outputs = chosen(transformer, which).map((site) => site.tensor);
  for (const name of outputs) if (!present.has(name)) graph.output.push(create(ValueInfoProtoSchema, { name }));
  return { model, outputs };
}
