/** A softmax, and attention as one call: where masks meet. */
import type { Argument } from '../rules/types';
import type { Syntax } from '../syntax';
import { value, type Mask, type SoftmaxSite, type Value } from '../values';
import type { Context } from './context';

export function softmaxOf(
  node: Syntax,
  input: Argument | undefined,
  given: readonly Argument[],
  context: Context,
  { safe = false, axis }: { readonly safe?: boolean; readonly axis?: number } = {},
): Value {
  const held = input?.value ?? value();
  // At its place it is the third: `torch.softmax(x, -1, torch.float16)`.
  const type =
    given.find(({ name, value: { isType } }) => name === 'dtype' || (name === null && isType))?.value.dtype ?? null;
  const masks = held.masks ?? (held.mask?.form === 'additive' ? [held.mask] : []);
  const site: SoftmaxSite = { call: node, masks, guarded: safe, ...(axis !== undefined && { axis }) };
  context.softmax(site);
  context.see('softmax', { node, input: held, inputNode: input?.node ?? null, type, site });
  const dtype = type ?? held.dtype;
  return value({ softmax: site, sign: 'nonnegative', unit: true, ...(dtype !== undefined && { dtype }) });
}

export function attention(
  node: Syntax,
  kind: string,
  masks: readonly { readonly node: Syntax; readonly mask: Mask }[],
  context: Context,
): void {
  context.see('attention', { node, kind, masks });
}
