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

/** Who reads what of whom, among touched nodes. */
interface Link {
  readonly value: string;
  readonly from: Pair;
  readonly to: Pair;
}

export function blocksOf(comparison: Comparison): Block[] {
  const { pairs, madeAfter, madeBefore } = comparison;
  const touched = [...pairs.values()].filter(({ state }) => state !== 'kept');
  const isTouched = new Set(touched);
  const links: Link[] = [];
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
  const cut = sharedValues(touched, links);
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

/**
 * What several blocks share is a block of its own, unless they hang together without it too. All that could be shared is
 * cut out first, then given back where it separates nothing: a condition and its transpose join all layers only together.
 */
function sharedValues(touched: readonly Pair[], links: readonly Link[]): ReadonlySet<string> {
  const candidates = [...groupedBy(links, ({ value }) => value)].filter(
    ([, own]) => own[0]?.from.state !== 'changed' && new Set(own.map(({ to }) => to)).size > 1,
  );
  const cut = new Set(candidates.map(([value]) => value));
  for (let isStable = false; !isStable;) {
    isStable = true;
    const parts = components(
      touched,
      links.filter(({ value }) => !cut.has(value)),
    );
    for (const [value, own] of candidates) {
      const [first] = own;
      if (!cut.has(value) || !first) continue;
      const homes = new Set(own.map(({ to }) => parts.get(to)));
      if (homes.size > 1 && !homes.has(parts.get(first.from))) continue;
      cut.delete(value);
      isStable = false;
      break;
    }
  }
  return cut;
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
