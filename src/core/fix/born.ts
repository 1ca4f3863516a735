/** What of a diagnosis concerns a fix, and what stands in its way. */
import type { GraphNode } from '../onnx/graph';
import type { BirthMechanism, Origin } from '../report';
import type { FixContext } from './types';

/** Where and IsNaN came with opset 9; without them nothing can be chosen without arithmetic, and NaN survives that. */
export function tooOld({ graph }: FixContext): string | null {
  return graph.opset < 9
    ? `Where does not exist in opset ${String(graph.opset)}; it needs 9 or newer: export the model again.`
    : null;
}

/** A row of attention is masked throughout, be it that a guard takes the NaN away again. */
export function rowsFullyMasked({ origins, silent }: FixContext): boolean {
  const causes: readonly string[] = ['fully-masked-row', 'mask-overflow'];
  return (
    origins.some(({ mechanism }) => causes.includes(mechanism)) ||
    silent.some(({ evidence }) => typeof evidence.bornAs === 'string' && causes.includes(evidence.bornAs))
  );
}

export const noMaskedRow = 'No row of any attention is masked throughout in this batch.';

export interface Birth {
  readonly origin: Origin;
  readonly node: GraphNode;
}

export interface Births {
  readonly births: readonly Birth[];
  /** Names of those in the body of an `If`, a `Loop` or a `Scan`, where no edit of the main graph reaches. */
  readonly inside: readonly string[];
}

/** Origins with one of these mechanisms, and the nodes of the main graph that they are at. */
export function bornBy({ graph, origins }: FixContext, mechanisms: readonly BirthMechanism[]): Births {
  const births: Birth[] = [];
  const inside: string[] = [];
  for (const origin of origins) {
    if (!mechanisms.includes(origin.mechanism) || origin.node === null) continue;
    const node = graph.producer.get(origin.tensor);
    if (node?.op === origin.op) births.push({ origin, node });
    else inside.push(origin.node);
  }
  return { births, inside };
}

export const insideBody = (names: readonly string[]): string =>
  `${names.join(', ')} stands in the body of another node, where a fix of the main graph does not reach; change it in the source.`;

/**
 * The node and those that do the same in other layers: same operator, same name but for its numbers. NaN that is born
 * in one layer is often born again in the next, once it no longer comes in from before.
 */
export function repeated({ graph }: FixContext, node: GraphNode): GraphNode[] {
  const key = nameWithoutNumbers(node);
  if (!node.name.includes('/') && !node.name.includes('.')) return [node];
  return graph.nodes.filter((other) => other.op === node.op && nameWithoutNumbers(other) === key);
}

/** Of path-like names only: the number at the end of `/layers.0/mlp/Add_1` tells nodes of one layer apart and stays. */
const nameWithoutNumbers = ({ name }: GraphNode): string => name.replaceAll(/(?<=[./_])\d+(?=[./])/g, '#');

export const plural = (count: number, noun: string, several = `${noun}s`): string =>
  `${String(count)} ${count === 1 ? noun : several}`;
