/** A graph on a few lines, for the message of a failing seed. */
import type { Tensor } from '../bruteForce/reads';
import type { RandomGraph } from './generate';

export function dump(graph: RandomGraph, values: ReadonlyMap<string, Tensor>): string {
  const show = (name: string): string => {
    const tensor = values.get(name);
    if (!tensor) return name === '' ? '∅' : name;
    const nan = Array.from(tensor.data).filter(Number.isNaN).length;
    return `${name}[${tensor.dims.join(',')}]${nan > 0 ? ` ${String(nan)} NaN` : ''}`;
  };
  const proto = graph.model.graph!;
  const head = `seed ${String(graph.seed)}, opset ${String(graph.opset)}, inputs ${proto.input.map((input) => show(input.name)).join(', ')}`;
  const lines = proto.node.map((node) => {
    const given = node.attribute.map(
      (entry) => `${entry.name}=${entry.ints.length > 0 ? `[${entry.ints.join(',')}]` : String(entry.i)}`,
    );
    const inputs = node.input.map((name) => {
      const tensor = values.get(name);
      return name.startsWith('i') && tensor ? `(${Array.from(tensor.data).join(',')})` : show(name);
    });
    return `  ${node.name}(${[...inputs, ...given].join('; ')}) → ${node.output.map(show).join(', ')}`;
  });
  return [head, ...lines, `outputs ${proto.output.map((output) => output.name).join(', ')}`].join('\n');
}
