/** Names for values and nodes that come into a graph, so that none meets one that is there. */
import type { ModelProto } from 'onnx-buf';
import { allGraphs } from './allTensors';

export class Names {
  private readonly next = new Map<string, number>();

  private constructor(
    private readonly values: Set<string>,
    private readonly nodes: Set<string>,
  ) {}

  /** All names of a model count as taken, those in bodies too: a body must not hide a name from outside. */
  static of(model: ModelProto): Names {
    const values = new Set<string>();
    const nodes = new Set<string>();
    for (const graph of allGraphs(model)) {
      for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) values.add(name);
      for (const sparse of graph.sparseInitializer) values.add(sparse.values?.name ?? '');
      for (const node of graph.node) {
        nodes.add(node.name);
        for (const name of [...node.input, ...node.output]) values.add(name);
      }
    }
    return new Names(values, nodes);
  }

  value(wish: string): string {
    return this.fresh(this.values, wish);
  }

  node(wish: string): string {
    return this.fresh(this.nodes, wish);
  }

  /** What no value's name begins with. */
  prefix(wish: string): string {
    let prefix = wish;
    const taken = (): boolean => [...this.values].some((name) => name.startsWith(prefix));
    while (taken()) prefix += '_';
    return prefix;
  }

  private fresh(taken: Set<string>, wish: string): string {
    let name = wish === '' ? '_' : wish;
    for (let i = this.next.get(wish) ?? 2; taken.has(name); i += 1) {
      name = `${wish}_${String(i)}`;
      this.next.set(wish, i + 1);
    }
    taken.add(name);
    return name;
  }
}

/** `call/inner`; exporters begin names with a slash already. */
export const joinPath = (path: string, name: string): string =>
  name.startsWith('/') ? `${path}${name}` : `${path}/${name}`;
