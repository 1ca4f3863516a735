/** Dicts that are written out: what is held by which key. */
import type { Argument } from '../rules/types';
import { fieldOf, partsOf, type Syntax } from '../syntax';
import { merged, seenAs, value, type Value } from '../values';

type Entries = NonNullable<Value['entries']>;

/** A key that is known: a text or a number. */
function keyOf({ text, number }: Value): string | number | null {
  return text ?? number ?? null;
}

/** `{"fill": float("-inf"), **more}`; of classes, one of which is chosen, it is known that it is one of them. */
export function tableOf(node: Syntax, deeper: (node: Syntax | null) => Value): Value {
  const entries = new Map<string | number, Value>();
  const classes: Syntax[] = [];
  for (const part of partsOf(node)) {
    if (part.type === 'pair') {
      const [key, held] = [keyOf(deeper(fieldOf(part, 'key'))), deeper(fieldOf(part, 'value'))];
      if (key !== null) entries.set(key, held);
      if (held.definition?.type === 'class_definition') classes.push(held.definition);
    } else {
      const more = deeper(part);
      // What is not known may be any of those before it.
      if (!more.entries) entries.clear();
      for (const [key, held] of more.entries ?? []) entries.set(key, held);
      classes.push(...(more.oneOf ?? []));
    }
  }
  return value({ entries, ...(classes.length > 0 && { oneOf: classes }) });
}

/** `dict(fill=float("-inf"))`, `dict(other, fill=…)` */
export function dictOf(given: readonly Argument[]): Value {
  const [first] = given;
  const copied = first && first.name === null ? first.value.entries : undefined;
  const named = given.flatMap(({ name, value: held }) => (name === null ? [] : [[name, held] as const]));
  const isSplat = given.some(({ name, node }) => name === null && node.type === 'dictionary_splat');
  return value(isSplat ? {} : { entries: new Map([...(copied ?? []), ...named]) });
}

/** `table[key]`: of a key that is not known, what holds for all that are there. */
export function entryOf(held: Value, entries: Entries, place: Value | undefined): Value {
  const key = place && keyOf(place);
  if (key !== undefined && key !== null) return entries.get(key) ?? (held.oneOf ? seenAs(held) : value());
  if (held.oneOf) return held;
  const [first, ...others] = entries.values();
  return first && others.length < mostMerged ? others.reduce((all, one) => merged(all, one), first) : value();
}

/** More is a table of everything, of which nothing is the same. */
const mostMerged = 16;

/** `table[key] = put`; nothing is known of a table in which any entry may have changed. */
export function withEntry(held: Value, entries: Entries, place: Value | undefined, put: Value): Value {
  const key = place && keyOf(place);
  if (key === undefined || key === null || entries.size >= mostKept) return value();
  return seenAs(held, { entries: new Map([...entries, [key, put]]) });
}

/** A dict that grows line by line is copied for each. */
const mostKept = 500;

/** What a method of a dict gives, and what the dict is afterwards where it changes; null: it is no such method. */
export function ofTable(
  name: string,
  held: Value,
  given: readonly Argument[],
): { readonly held: Value; readonly after?: Value } | null {
  const { entries = new Map<string | number, Value>() } = held;
  switch (name) {
    case 'get': {
      const [key, standard] = given;
      const found = entryOf(held, entries, key?.value);
      return {
        held:
          key && keyOf(key.value) !== null && entries.has(keyOf(key.value) ?? '')
            ? found
            : standard
              ? merged(found, standard.value)
              : found,
      };
    }
    case 'copy':
      return { held: seenAs(held) };
    case 'update':
    case 'pop':
    case 'setdefault':
      return { held: name === 'update' ? value() : entryOf(held, entries, given[0]?.value), after: value() };
    default:
      return null;
  }
}
