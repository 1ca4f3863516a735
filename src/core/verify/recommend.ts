/** Which fix to take, in one sentence, or what to do instead where none heals. */
import { infiniteOf } from '../diagnose/infinity';
import type { Evidence, FixResult, Origin, Recommendation } from '../report';
import { namesIn, outermostNode } from '../trace/evidence';

/** @param ranked best first, as `rankFixes` orders them. */
export function recommend(ranked: readonly FixResult[], origins: readonly Origin[]): Recommendation {
  const healing = ranked.filter(({ kind, verdict }) => kind !== 'trap' && verdict === 'heals');
  const [alone] = healing.filter(({ kind }) => kind === 'graph' || kind === undefined);
  const [together] = healing.filter(({ kind }) => kind === 'combination');
  const [fed] = healing.filter(({ kind }) => kind === 'batch');
  if (alone) {
    return {
      fix: alone.id,
      sentence: `“${alone.title}” heals alone: no NaN is left, and real tokens are what ${referenceWords(alone)} gives.`,
    };
  }
  if (together) {
    return {
      fix: together.id,
      sentence: `No single edit heals; together these do: ${together.title}. ${shiftWords(together)}No NaN is left, and real tokens are what ${referenceWords(together)} gives.`,
    };
  }
  if (fed) {
    return {
      fix: fed.id,
      sentence: `No edit of the model heals, another way to feed it does: ${lowerFirst(fed.title)}.`,
    };
  }
  return { fix: null, sentence: insteadOf(ranked, origins) };
}

function insteadOf(ranked: readonly FixResult[], origins: readonly Origin[]): string {
  const [leading] = origins;
  switch (leading?.mechanism) {
    case 'nan-in-input':
      return `No fix of the model can heal NaN that is fed: mend what fills ${leading.tensor} before the model runs.`;
    case 'nan-in-weights':
      return (
        `No fix can tell what the damaged numbers of ${namesIn(leading.evidence.weights)[0] ?? leading.tensor} were: ` +
        'load the checkpoint again, or convert it anew. A fix that counts them as 0 is unproven.'
      );
    default:
  }
  const best = ranked.find(({ kind, verdict }) => kind !== 'trap' && verdict !== 'declines' && verdict !== 'fails');
  if (best?.verdict === 'partial')
    return `No fix heals. “${best.title}” comes nearest: real tokens are right, NaN is left at padding only.`;
  if (best?.verdict === 'unproven') return unprovenWords(best);
  if (best)
    return 'Every fix that removes the NaN leaves real tokens wrong. Mend the cause in the source of the model, not its result.';
  return leading ? `No fix of this list heals. ${mendWords(leading)}` : 'No fix of this list heals.';
}

/** Fixes that put a number where the model has none, right or wrong. */
const defining: ReadonlySet<string> = new Set(['clamp', 'clean-weights', 'eps']);

const unprovenWords = ({ id, title, reason }: FixResult): string =>
  defining.has(id)
    ? `“${title}” leaves no NaN, and nothing can prove its numbers right: it defines values that the model never had. Mend the cause in the model's source if you can.`
    : `“${title}” comes nearest. ${reason}`;

/** What to do in the model's source, in the words of the mechanism and with the names of this run. */
function mendWords({ mechanism, op, node, evidence }: Origin): string {
  const outer = outermostNode(evidence);
  const where =
    outer === null
      ? ''
      : ` It is born in a body of ${outer}, which fixes do not reach into: mend it in the model's source.`;
  const source = sourceWords(evidence);
  const instead: Partial<Record<Origin['mechanism'], string>> = {
    'zero-times-inf': `Nobody can tell what 0 × inf should have been: ${source}; to switch elements off, choose with Where instead of multiplying.`,
    'inf-over-inf': `Nobody can tell what inf / inf should have been: ${source}; before exp, subtract the row's maximum.`,
    'inf-minus-inf': `Nobody can tell what inf − inf should have been: ${source}.`,
    unknown: `What ${node ?? 'the node'}${op === null ? '' : ` (${op})`} reads is told with the birth: keep it inside of what the operator is defined for, or compute it otherwise.`,
  };
  return `${instead[mechanism] ?? 'The origin says which node and which numbers made the NaN: mend it there.'}${where}`;
}

/** What to do where the infinite operand comes from. */
function sourceWords(evidence: Evidence): string {
  const [found] = infiniteOf({ evidence });
  const operand = typeof evidence.infiniteOperand === 'string' ? evidence.infiniteOperand : (found?.operand ?? null);
  const finite = 'keep it finite there (clamp it, or compute it in a wider type)';
  if (operand === null) return 'find where its infinite operand leaves the range of the type';
  if (evidence.infinityIsStored === true || found?.how === 'stored')
    return `${found?.tensor ?? operand} is stored with an infinity: load the checkpoint again, or convert it anew`;
  if (found?.how === 'fed') return `${found.tensor} is fed with an infinity: mend what fills it before the model runs`;
  return found
    ? `${found.tensor} leaves the range of the type in ${found.node ?? found.tensor}: ${finite}`
    : `find where ${operand} leaves the range of the type, and ${finite}`;
}

const shiftWords = ({ paddingShift }: FixResult): string =>
  typeof paddingShift === 'number' ? 'The positions of real tokens were counted from the wrong end. ' : '';

const referenceWords = ({ reference }: FixResult): string =>
  reference === 'unpadded'
    ? 'each sample alone'
    : reference === 'in-batch'
      ? 'the same batch without its masked slots'
      : 'the same model in a wider type';

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
