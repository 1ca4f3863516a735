/**
 * Edits that belong together. What a fix adds for one layer is one block, what it adds once for all layers another, and
 * a node that merely reads something new goes with what it reads.
 */
import type { Comparison, Pair } from './compare';

export interface Block {
  /** Added, removed and changed nodes that hang together. */
  readonly core: readonly Pair[];
  /** Changed nodes that read what the core makes, and are not edited otherwise. */
  readonly readers: readonly Pair[];
}

export function blocksOf(comparison: Comparison): Block[] {
  const { pairs, madeAfter, madeBefore } = comparison;
  const touched = [...pairs.values()].filter(({ state }) => state !== 'kept');
  const isTouched = new Set(touched);
  /** Who reads what of whom, among touched nodes. */
  const links: { readonly value: string; readonly from: Pair; readonly to: Pair }[] = [];
  for (const pair of touched) {
    const link = (values: readonly string[] | undefined, made: (value: string) => Pair | undefined): void => {
      for (const value of values ?? []) {
        const from = made(value);
        if (from && from !== pair && isTouched.has(from)) links.push({ value, from, to: pair });
      }
    };
    link(pair.after?.inputs, madeAfter);
    link(pair.before?.inputs, madeBefore);
  }
  const cut = new Set<string>();
  const byValue = groupedBy(links, ({ value }) => value);
  for (const [value, own] of byValue) {
    const [first] = own;
    if (!first || first.from.state === 'changed' || new Set(own.map(({ to }) => to)).size < 2) continue;
    // What several blocks share is a block of its own, unless cutting it out leaves them together all the same.
    const parts = components(
      touched,
      links.filter((link) => link.value !== value && !cut.has(link.value)),
    );
    const home = parts.get(first.from);
    const homes = new Set(own.map(({ to }) => parts.get(to)));
    if (homes.size >= 2 && !homes.has(home)) cut.add(value);
  }
  const parts = components(
    touched,
    links.filter(({ value }) => !cut.has(value)),
  );
  const groups = groupedBy(touched, (pair) => parts.get(pair) ?? pair);
  const blocks = new Map([...groups].map(([root, core]) => [root, { core, readers: [] as Pair[] }]));
  for (const [root, block] of blocks) {
    const [only, ...more] = block.core;
    if (!only || more.length > 0 || only.state !== 'changed') continue;
    const source = links.find(({ to }) => to === only)?.from;
    const target = source && blocks.get(parts.get(source) ?? source);
    if (!target || target === block) continue;
    target.readers.push(only);
    blocks.delete(root);
  }
  return [...blocks.values()];
}

/** Representative of the connected part that each node is in. */
function components(
  nodes: readonly Pair[],
  links: readonly { readonly from: Pair; readonly to: Pair }[],
): ReadonlyMap<Pair, Pair> {
  const parent = new Map(nodes.map((node) => [node, node]));
  const root = (node: Pair): Pair => {
    let at = node;
    for (let up = parent.get(at); up && up !== at; up = parent.get(at)) {
      parent.set(at, parent.get(up) ?? up);
      at = up;
    }
    return at;
  };
  for (const { from, to } of links) parent.set(root(from), root(to));
  return new Map(nodes.map((node) => [node, root(node)]));
}

/** In the order in which keys first appear. */
export function groupedBy<T, K>(list: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
