import { isFloat } from '../probe/instrument';
import { bornBy, insideBody, plural, tooOld } from './born';
import { EditPlan, readersOf } from './editPlan';
import { dtypeOf } from './facts';
import type { Fix, FixContext } from './types';

/**
 * NaN in stored weights counts as 0. The weights stay as they are in the file, however large: nodes in front of their
 * readers do it, at every run. What the numbers were before they were damaged nobody knows, so this is never more than
 * a way to run the rest of the model.
 *
 * Case 1: a table that rows are looked up in: behind the lookup, so that only these rows are cleaned.
 * Case 2: any other weight: before every reader, which costs a copy of the weight.
 */
export const cleanWeights: Fix = {
  id: 'clean-weights',
  title: 'Count NaN in weights as 0',
  effect: 'Tokens that met the damaged weights get numbers that the model was never trained to give.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    const { births, inside } = bornBy(context, ['nan-in-weights']);
    const weights = new Set(
      births.flatMap(({ origin }) => {
        const named = origin.evidence.weights;
        return Array.isArray(named) ? named.filter((name): name is string => typeof name === 'string') : [];
      }),
    );
    if (weights.size === 0) return { applies: false, reason: whyNot(context, inside) };
    const { graph } = context;
    const plan = new EditPlan(graph, 'clean-weights');
    let copied = 0;
    for (const weight of weights) {
      const stored = graph.initializers.get(weight);
      const dtype = dtypeOf(context, weight);
      if (!isFloat(dtype)) return { applies: false, reason: `${weight} holds ${dtype}, of which no NaN can be told.` };
      const readers = graph.consumers.get(weight) ?? [];
      if (stored && readers.some(({ captured }) => captured.includes(weight)))
        return {
          applies: false,
          reason: `${weight} is read in the body of another node, which only the source can change.`,
        };
      const clean = (block: ReturnType<EditPlan['block']>, value: string): string =>
        block.op('Where', [block.op('IsNaN', [value]), block.scalar(dtype, 0), value]);
      if (readers.every(({ op, inputs }) => op === 'Gather' && inputs[0] === weight)) {
        for (const { outputs } of readers) plan.filter(outputs[0] ?? '', clean);
        continue;
      }
      copied += 1;
      const block = plan.block();
      const own = clean(block, weight);
      plan.insert((graph.producer.get(weight)?.index ?? -1) + 1, block);
      plan.replace(weight, own, readersOf(graph, weight));
    }
    return {
      applies: true,
      edits: plan.edits,
      note:
        `Reads NaN in ${[...weights].join(', ')} as 0 (${plural(weights.size, 'weight')}); the file's weights stay as they are` +
        `${copied > 0 ? ', and every run makes a cleaned copy' : ''}. Restore the weights from a good checkpoint instead where there is one.`,
    };
  },
};

function whyNot({ origins }: FixContext, inside: readonly string[]): string {
  if (inside.length > 0) return insideBody(inside);
  const fed = origins.filter(({ mechanism }) => mechanism === 'nan-in-input').map(({ tensor }) => tensor);
  return fed.length > 0
    ? `No weight holds NaN; what is fed to ${fed.join(', ')} does. Find out where that was made: no change of the model knows the right numbers.`
    : 'No weight that this batch reads holds NaN.';
}
