/** Every graph, and what is in a model. */
import type { GraphProto, ModelProto, NodeProto } from 'onnx-buf';
import { fused, standardAttention } from './attention';
import type { OperatorGraph } from './build';
import { control } from './control';
import { elementwise } from './elementwise';
import { movement } from './movement';
import { oddTensors } from './oddTensors';
import { everyOpset } from './opsets';
import { products, reductionsAndNorms } from './products';
import { quantised } from './quantised';

export const allGraphs: readonly OperatorGraph[] = [
  ...elementwise,
  ...movement,
  ...products,
  ...reductionsAndNorms,
  ...standardAttention,
  ...fused,
  ...quantised,
  ...control,
  ...oddTensors,
  ...everyOpset,
];

/** Operators of a model, those of branches, bodies and local functions among them; calls of the latter are not. */
export function operatorsIn(model: ModelProto): ReadonlySet<string> {
  const own = new Set(model.functions.map((entry) => `${entry.domain}:${entry.name}`));
  const found = new Set<string>();
  const walk = (nodes: readonly NodeProto[]): void => {
    for (const { domain, opType, attribute } of nodes) {
      const name = domain === '' || domain === 'ai.onnx' ? opType : `${domain}:${opType}`;
      if (!own.has(name)) found.add(name);
      const bodies = attribute.flatMap((entry): GraphProto[] => [...(entry.g ? [entry.g] : []), ...entry.graphs]);
      for (const body of bodies) walk(body.node);
    }
  };
  walk(model.graph?.node ?? []);
  for (const entry of model.functions) walk(entry.node);
  return found;
}
