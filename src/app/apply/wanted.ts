/** Which fixes an id stands for, and what to do about one that is no edit of the model. */
import { fixes, fixesOfPositions, traps } from '../../core/fix/index';
import type { Fix } from '../../core/fix/types';
import { NanoscopeError } from '../../core/errors';

/** Fixes of the batch change what the model is fed; the model stays as it is. */
export const batchFixAdvice: ReadonlyMap<string, string> = new Map([
  ['no-padding', 'Run every sample alone, without padding.'],
  ['same-length-batches', 'Put samples of equal length together, so that no batch needs padding.'],
  ['right-padding', 'Set padding_side to "right" in the tokenizer, and move mask and position ids along.'],
]);

const listed = (entries: readonly Fix[]): string => entries.map((entry) => entry.id).join(', ');

/**
 * @param id one fix, or several in the order in which they are applied: `a+b`
 * @throws NanoscopeError `usage` for a fix that does not exist, `fix-declined` for one of the batch
 */
export function wantedFixes(id: string): readonly Fix[] {
  const ids = id.split('+');
  const wanted = ids.map((part) => {
    const advice = batchFixAdvice.get(part);
    if (advice !== undefined) {
      throw new NanoscopeError(
        'fix-declined',
        `“${part}” changes what the model is fed, not the model, so there is nothing to apply to it.`,
        `${advice} The lines for it: nanoscope fix MODEL ${part} --snippet`,
      );
    }
    // What only hides NaN can be applied too, by somebody who insists.
    const fix = [...fixes, ...fixesOfPositions, ...traps].find((entry) => entry.id === part);
    if (!fix) {
      throw new NanoscopeError(
        'usage',
        `There is no fix "${part}".`,
        `Known fixes: ${listed([...fixes, ...fixesOfPositions])}. Of the batch, as lines of code only: ${[...batchFixAdvice.keys()].join(', ')}. ` +
          `Only to see what they do, since they hide the NaN: ${listed(traps)}.`,
      );
    }
    return fix;
  });
  const twice = ids.find((part, i) => ids.indexOf(part) !== i);
  if (twice !== undefined) {
    throw new NanoscopeError('usage', `The fix "${twice}" is named twice.`, 'Name every fix once, such as a+b.');
  }
  return wanted;
}
