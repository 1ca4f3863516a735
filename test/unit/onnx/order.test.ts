/** Nodes are put after what they read, and otherwise stay where they were. */
import { describe, expect, it } from 'vitest';
import { inOrder, orderNodes } from '../../../src/core/onnx/order';
import { AttributeType, model, node } from './support';
import type { NodeInit } from './support';

const names = (nodes: readonly { readonly name: string }[]): string[] => nodes.map(({ name }) => name);
const graphOf = (nodes: NodeInit[]) => {
  const made = model({ name: 'g', node: nodes });
  if (!made.graph) throw new Error('a model has a graph');
  return { made, graph: made.graph };
};

describe('order of nodes', () => {
  it('leaves what is in order alone', () => {
    const { graph } = graphOf([node('A', ['x'], ['a']), node('B', ['x'], ['b']), node('C', ['a', 'b'], ['c'])]);
    expect(inOrder(graph.node)).toBe(graph.node);
  });

  it('moves only what comes too late', () => {
    const { graph } = graphOf([node('A', ['x'], ['a']), node('C', ['b', 'a'], ['c']), node('B', ['x'], ['b'])]);
    expect(names(inOrder(graph.node))).toEqual(['A_a', 'B_b', 'C_c']);
  });

  it('a chain of 50,000 nodes from its end to its start', () => {
    const last = 50_000;
    const nodes = Array.from({ length: last }, (_, i) =>
      node('N', [`v${String(last - i - 1)}`], [`v${String(last - i)}`]),
    );
    const ordered = inOrder(graphOf(nodes).graph.node);
    expect([ordered[0]?.output[0], ordered.at(-1)?.output[0]]).toEqual(['v1', `v${String(last)}`]);
  });

  it('what a body reads from outside comes first, and bodies have an order of their own', () => {
    const body = {
      name: 'body',
      output: [{ name: 'o' }],
      node: [node('B', ['i'], ['o']), node('A', ['outside'], ['i'])],
    };
    const attribute = [{ name: 'then_branch', type: AttributeType.GRAPH, g: body }];
    const { made } = graphOf([node('If', ['c'], ['y'], { attribute }), node('Make', ['x'], ['outside'])]);
    orderNodes(made);
    expect(names(made.graph?.node ?? [])).toEqual(['Make_outside', 'If_y']);
    expect(names(made.graph?.node[1]?.attribute[0]?.g?.node ?? [])).toEqual(['A_i', 'B_o']);
  });
});
