/** What an undefined operation inside a written-out softmax means for it, where no mechanism of masks explains it. */
import type { Evidence } from '../../report';
import type { BirthContext } from './types';
import { rowEvidence } from './rowEvidence';

export function softmaxNote(context: BirthContext): { readonly text: string; readonly evidence: Evidence } | null {
  const { plan, rows } = context;
  const look = rows?.looks[0];
  if (!plan || !look || plan.like.form === 'node') return null;
  const { evidence } = rowEvidence(context, plan, look);
  const finite = look.scores.filter(Number.isFinite);
  if (plan.like.form === 'over-sum' && finite.length > 0) {
    const top = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    return {
      evidence,
      text:
        top > 0
          ? `This is a softmax written out without subtracting the row's maximum: exp(${top.toPrecision(4)}) leaves the range of the type although the scores are finite.`
          : `This is a softmax written out without subtracting the row's maximum: every exp of the row underflows to 0 (the largest score is ${top.toPrecision(4)}), and so does their sum.`,
    };
  }
  return { evidence, text: 'This is part of a softmax that is written out; its scores were infinite already.' };
}
