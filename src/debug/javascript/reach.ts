/**
 * Which tensors a frame can reach, in the order of the frame, each with an expression that gives it there. Only plain
 * data is opened: own data properties, arrays, Map and Set; no getter, no iterator and no method of the program runs.
 */
import { now } from './figures';
import { isObject, mapEntries, own, ownNames, setValues } from './own';
import { tensorOf, type Tensor } from './tensors';

export interface Found {
  /** Null: nothing gives it, as a member of a Set. */
  readonly path: string | null;
  readonly origin: 'local' | 'attribute' | 'item';
  readonly value: object;
  readonly tensor: Tensor;
}

/** A variable of the frame, and how its value is got: one that has none yet raises. */
export type Named = readonly [name: string, value: () => unknown];

export interface Reach {
  /** How deep containers are opened. */
  readonly depth: number;
  /** Members of one container that are looked at. */
  readonly maxItems: number;
}

interface Node {
  readonly path: string | null;
  readonly origin: Found['origin'];
  readonly value: unknown;
  readonly depth: number;
}

const clockEvery = 256;
const longestKey = 200;
const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** @returns what was found, and whether the deadline cut the search */
export function find(
  names: readonly Named[],
  { depth, maxItems }: Reach,
  deadline: number,
): { readonly found: readonly Found[]; readonly cut: boolean } {
  const queue: Node[] = names.flatMap(([name, value]) => {
    try {
      return [{ path: name, origin: 'local', value: value(), depth: 0 } as const];
    } catch {
      // Not yet initialized, or optimized away.
      return [];
    }
  });
  const found: Found[] = [];
  const opened = new Set<unknown>([globalThis]);
  for (let place = 0; place < queue.length; place += 1) {
    if (place % clockEvery === clockEvery - 1 && now() > deadline) return { found, cut: true };
    const node = queue[place];
    if (!node || !isObject(node.value)) continue;
    const tensor = tensorOf(node.value);
    if (tensor !== null) found.push({ path: node.path, origin: node.origin, value: node.value, tensor });
    else if (node.depth < depth && !opened.has(node.value)) {
      opened.add(node.value);
      queue.push(...inside(node, node.value, maxItems));
    }
  }
  return { found, cut: false };
}

function inside({ path, depth }: Node, value: object, most: number): Node[] {
  const node = (to: string | null, origin: Node['origin'], member: unknown): Node => ({
    path: to,
    origin,
    value: member,
    depth: depth + 1,
  });
  if (Array.isArray(value)) {
    const length = Math.min(Number(own(value, 'length')) || 0, most);
    return Array.from({ length }, (_, i) => node(subscript(path, i), 'item', own(value, i)));
  }
  const entries = mapEntries(value, most);
  if (entries) return entries.map(([key, member]) => node(entry(path, key), 'item', member));
  const members = setValues(value, most);
  if (members) return members.map((member) => node(null, 'item', member));
  // A namespace of a module is a library, not data.
  if (own(value, Symbol.toStringTag) === 'Module') return [];
  return ownNames(value)
    .slice(0, most)
    .map((key) => node(attribute(path, key), 'attribute', own(value, key)));
}

const attribute = (path: string | null, key: string): string | null =>
  path !== null && identifier.test(key) ? `${path}.${key}` : subscript(path, key);

function subscript(path: string | null, key: string | number): string | null {
  const text = JSON.stringify(key);
  return path === null || text.length > longestKey ? null : `${path}[${text}]`;
}

function entry(path: string | null, key: unknown): string | null {
  if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'boolean') return null;
  const text = JSON.stringify(key);
  return path === null || text.length > longestKey ? null : `${path}.get(${text})`;
}
