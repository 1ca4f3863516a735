/** A softmax, and attention as one call: where masks meet. */
import type { Argument } from '../rules/types';
import type { Syntax } from '../syntax';
import { logarithm, value, type Mask, type SoftmaxSite, type Value } from '../values';
import type { Context } from './context';

export function softmaxOf(
  node: Syntax,
  input: Argument | undefined,
  given: readonly Argument[],
  context: Context,
  { safe = false, log = false, axis }: { readonly safe?: boolean; readonly log?: boolean; readonly axis?: number } = {},
): Value {
  const held = input?.value ?? value();
  // At its place it is the third: `torch.softmax(x, -1, torch.float16)`.
  const type =
    given.find(({ name, value: { isType } }) => name === 'dtype' || (name === null && isType))?.value.dtype ?? null;
  const masks = held.masks ?? (held.mask?.form === 'additive' ? [held.mask] : []);
  const site: SoftmaxSite = { call: node, of: held.id, masks, guarded: safe, ...(axis !== undefined && { axis }) };
  context.softmax(site);
  context.see('softmax', { node, input: held, inputNode: input?.node ?? null, type, site });
  const dtype = type ?? held.dtype;
  const typed = { softmax: site, ...(dtype !== undefined && { dtype }) };
  // Up to 0, where exp does not overflow.
  if (log) return logarithm({ ...typed, named: 'log_softmax', shifted: true }, { at: null, id: null, site });
  return value({ ...typed, sign: 'nonnegative', unit: true });
}

export function attention(
  node: Syntax,
  kind: string,
  masks: readonly { readonly node: Syntax; readonly mask: Mask }[],
  context: Context,
): void {
  context.see('attention', { node, kind, masks });
}
