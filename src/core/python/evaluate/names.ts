/** Names: which a piece of source reads, and what a name says of its value. */
import { fieldOf, type Syntax } from '../syntax';
import { maskByName, seenAs, type Value } from '../values';
import type { Context } from './context';

/** Variables that an expression reads, functions and keywords of calls left out. */
export function namesIn(node: Syntax, context: Context): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [node];
  for (let here = waiting.pop(); here; here = waiting.pop()) {
    if (here.type === 'identifier' && !['function', 'name', 'attribute'].includes(here.field ?? ''))
      found.add(context.text(here));
    waiting.push(...here.children);
  }
  return found;
}

/** 'mask' of `self.mask` in a class, null for everything else: a function may call its tensor `self`. */
export function attributeOfSelf(node: Syntax, context: Context): string | null {
  if (!context.owner) return null;
  const [object, attribute] = [fieldOf(node, 'object'), fieldOf(node, 'attribute')];
  return object?.type === 'identifier' && attribute && context.text(object) === 'self' ? context.text(attribute) : null;
}

/** Dotted names of what libraries give. */
export const libraries = /^(torch|numpy|math|jax|keras|tensorflow|scipy)(\.|$)/;

/** What a value's name adds to what is known of it: a mask of what, logits or hidden states. */
export function withName(held: Value, name: string): Value {
  if (held.path !== undefined && held.named === undefined) return held;
  const byName = maskByName(name);
  const plain = { ...held };
  // `softmax = F.softmax` is called like what it is.
  if (plain.path !== undefined && !libraries.test(plain.path)) delete (plain as { path?: string }).path;
  if (!byName) return seenAs(plain, { named: name });
  if (!held.mask) {
    const says =
      held.masks ??
      held.product ??
      held.softmax ??
      held.layer ??
      held.items ??
      held.number ??
      held.text ??
      held.belowLargest;
    return says === undefined ? seenAs(plain, { named: name, mask: byName }) : seenAs(plain, { named: name });
  }
  const unsaid = [...held.mask.parts].every((part) => part === 'unknown');
  return seenAs(plain, { named: name, ...(unsaid && { mask: { ...held.mask, parts: byName.parts } }) });
}

/** What code is put in that is not trained through. */
export const withoutGradient = /no_grad|inference_mode/;
