/** `Scan` since opset 9: states, and one slice of every scan input per iteration. */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, NodeProtoSchema } from 'onnx-buf';
import type { NodeProto } from 'onnx-buf';
import { altered } from '../altered';
import type { Graph, GraphNode } from '../graph';
import { intAttribute, intsAttribute } from '../graph';
import { joinPath, Names } from '../names';
import { bodyOfGraph, splice } from '../splice';
import { int64Tensor } from '../tensors';
import { bodyOf, Replacement } from './part';
import type { Repeated } from './repeated';
import { withSums } from './repeated';

/**
 * @param shape of a scan input, to know how many iterations there are.
 * @returns null where the node has no body, or is of opset 8, which scanned a batch at once.
 */
export function repeatedScan(
  graph: Graph,
  node: GraphNode,
  shape: (value: string) => readonly number[] | null,
): Repeated | null {
  const body = bodyOf(node, 'body');
  if (!body || graph.opset < 9) return null;
  const states = node.inputs.length - intAttribute(node, 'num_scan_inputs', 1);
  const initial = node.inputs.slice(0, states);
  const scanned = node.inputs.slice(states);
  const axes = intsAttribute(node, 'scan_input_axes') ?? [];
  const reversed = intsAttribute(node, 'scan_input_directions') ?? [];
  const leaving = body.output.map((output) => output.name);
  const rank = (i: number): number | null => shape(scanned[i] ?? '')?.length ?? null;
  const axisOf = (i: number): number => {
    const axis = axes[i] ?? 0;
    return axis < 0 ? axis + (rank(i) ?? 0) : axis;
  };
  const lengths = scanned.map((value, i) => shape(value)?.[axisOf(i)] ?? null);
  const length = lengths.find((size) => size !== null) ?? null;
  if (length === null) return null;

  /** Elements `from`, `from + 1`, … in the order of iterations, as places on the scanned axis. */
  const place = (i: number, t: number): number => (reversed[i] === 1 ? length - 1 - t : t);
  return {
    body,
    states,
    initial,
    sums: (dtypes) => withSums(graph, node, 'body', body, leaving, states, dtypes, withMoreOutputs),
    open(from, to) {
      const names = Names.of(graph.model);
      const replacement = new Replacement();
      const take = (i: number, places: readonly number[], dims: readonly number[], wish: string): string => {
        const index = names.value(joinPath(node.name, `${wish}_at`));
        replacement.initializers.push(int64Tensor(index, places, dims));
        const output = names.value(joinPath(node.name, wish));
        replacement.nodes.push(gather(names, scanned[i] ?? '', index, output, axisOf(i)));
        return output;
      };
      let current: readonly string[] = initial;
      if (from > 0) {
        const before = scanned.map((_, i) => {
          const places = Array.from({ length: from }, (_unused, t) => place(i, t)).sort((a, b) => a - b);
          return take(i, places, [from], `before_${String(i)}`);
        });
        const outputs = leaving.map((_, i) => names.value(joinPath(node.name, `state_${String(i)}`)));
        replacement.nodes.push(altered(node.proto, { input: [...initial, ...before], output: outputs }));
        current = outputs.slice(0, states);
      }
      const values: string[] = [];
      for (let t = from; t <= to; t += 1) {
        const slices = scanned.map((_, i) => take(i, [place(i, t)], [], `slice_${String(i)}_${String(t)}`));
        const path = joinPath(node.name, `body[${String(t)}]`);
        const inputs = [...current, ...slices];
        const spliced = splice({ body: bodyOfGraph(body), inputs, outputs: null, path, names });
        replacement.add(spliced, body, t);
        values.push(...spliced.outputs);
        current = spliced.outputs.slice(0, states);
      }
      return replacement.part(graph, node, values);
    },
  };
}

const gather = (names: Names, data: string, index: string, output: string, axis: number): NodeProto =>
  create(NodeProtoSchema, {
    opType: 'Gather',
    name: names.node(output),
    input: [data, index],
    output: [output],
    attribute: [
      create(AttributeProtoSchema, { name: 'axis', type: AttributeProto_AttributeType.INT, i: BigInt(axis) }),
    ],
  });

/** Lists with an entry per scan output get one for each that came. */
const withMoreOutputs = (node: NodeProto, added: number): NodeProto =>
  altered(node, {
    attribute: node.attribute.map((entry) =>
      entry.name === 'scan_output_axes' || entry.name === 'scan_output_directions'
        ? altered(entry, { ints: [...entry.ints, ...Array.from({ length: added }, () => 0n)] })
        : entry,
    ),
  });
