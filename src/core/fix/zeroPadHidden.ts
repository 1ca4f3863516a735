import { lastPosition, positionPlace } from '../onnx/axes/types';
import { isFloat } from '../probe/instrument';
import { attentionPlaces, hiddenBefore } from './attentionPlaces';
import { plural, tooOld } from './born';
import { EditPlan, readersOf } from './editPlan';
import { dtypeOf } from './facts';
import type { NodeBlock } from './nodeBlock';
import { Padding } from './padding';
import type { Fix, FixContext, FixPlan } from './types';

/**
 * `masked_fill(hidden, pad, 0)` before every attention. NaN at pads then reaches no key and no value, so real tokens
 * are clean; pad rows that attend to nothing are NaN all the same, and stay so.
 *
 * Case 1: queries, keys and values are projected from the same hidden states: where these projections read them.
 * Case 2: one product projects all three: where it reads.
 * Case 3: cross-attention: the memory that keys and values are projected from.
 * Case 4: a cache: the keys and values that come in with it as well.
 */
export const zeroPadHidden: Fix = {
  id: 'zero-pad-hidden',
  title: 'Zero the hidden states of padding before attention',
  effect:
    'NaN of pad positions can reach no key and no value, so real tokens are not touched by it; pad positions that ' +
    'attend to nothing are still NaN.',
  plan: (context) =>
    padHidden(context, 'zero-pad-hidden', 'with Where', (block, { value, dtype, flags }) =>
      block.op('Where', [flags, value, block.scalar(dtype, 0)]),
    ),
};

interface Masked {
  readonly value: string;
  readonly dtype: string;
  /** bool, true = real; broadcasts to the value. */
  readonly flags: string;
}

/** The hidden states of every attention, read through what `make` makes of them. */
export function padHidden(
  context: FixContext,
  fixId: string,
  how: string,
  make: (block: NodeBlock, masked: Masked) => string,
): FixPlan {
  const old = tooOld(context);
  if (old !== null) return { applies: false, reason: old };
  if (context.origins.length === 0) return { applies: false, reason: 'No NaN is born in this batch.' };
  const places = attentionPlaces(context);
  if (places.length === 0) return { applies: false, reason: 'The model has no attention that could be followed.' };
  const plan = new EditPlan(context.graph, fixId);
  const padding = new Padding(context, plan);
  const made = new Map<string, string>();
  const untold: string[] = [];
  let reason = '';
  for (const place of places) {
    const hidden = hiddenBefore(context, place);
    if (!hidden) {
      untold.push(place.node.name);
      reason ||= 'what its queries, keys and values are made of could not be told';
      continue;
    }
    const { value, readers } = hidden;
    if (!made.has(value)) {
      const told = padding.onto(value);
      if ('reason' in told) {
        untold.push(place.node.name);
        reason ||= told.reason;
        continue;
      }
      const block = plan.block();
      made.set(value, make(block, { value, dtype: dtypeOf(context, value), flags: told.flags }));
      plan.insert((context.graph.producer.get(value)?.index ?? -1) + 1, block);
    }
    plan.replace(value, made.get(value) ?? value, readers);
  }
  let cached = 0;
  for (const past of pastsOf(context)) {
    const told = padding.onto(past);
    if ('reason' in told) {
      untold.push(past);
      reason ||= told.reason;
      continue;
    }
    const block = plan.block();
    const zeroed = make(block, { value: past, dtype: dtypeOf(context, past), flags: told.flags });
    plan.insert(0, block);
    plan.replace(past, zeroed, readersOf(context.graph, past));
    cached += 1;
  }
  // One attention that still reads NaN spreads it to every token: half of this is nothing.
  if (untold.length > 0) return { applies: false, reason: `At ${untold.join(', ')}: ${reason}.` };
  return {
    applies: true,
    edits: plan.edits,
    note: `Sets pad positions to 0 ${how} before ${plural(places.length, 'attention')} (${plural(made.size, 'value')})${cached === 0 ? '' : ` and in ${plural(cached, 'cached value')}`}, as ${[...padding.inputs].join(', ')} says.`,
  };
}

/** Inputs with cached keys and values: what padding left there reaches attention past the hidden states. */
function pastsOf(context: FixContext): string[] {
  const { graph, axes } = context;
  const placed = graph.inputs.flatMap((input) => {
    const own = axes.of(input);
    const factor = own && positionPlace(own)?.factor;
    return factor ? [{ input, factor, last: lastPosition(factor) }] : [];
  });
  return placed.flatMap(({ input, factor, last }) => {
    const isBefore = placed.some((two) => two.factor.sequence === factor.sequence && two.last > last);
    return factor.positions !== null && isBefore && isFloat(context.dtype(input) ?? '') ? [input] : [];
  });
}
