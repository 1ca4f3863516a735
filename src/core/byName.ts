/**
 * An object without a prototype. Tensors have any name, `constructor` and `__proto__` too: what is not there must not
 * be found, and what is there must not become something else.
 */
export function byName<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  const found = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) found[name] = value;
  return found;
}
