import type { BirthMechanism } from '../../report';
import { fullyMaskedRow } from './fullyMaskedRow';
import { infMinusInf } from './infMinusInf';
import { infOverInf } from './infOverInf';
import { logOfNegative } from './logOfNegative';
import { maskOverflow } from './maskOverflow';
import { nanInWeights } from './nanInWeights';
import { operationRules } from './operation';
import { powOfNegative } from './powOfNegative';
import { scoreOverflow } from './scoreOverflow';
import { sqrtOfNegative } from './sqrtOfNegative';
import type { BirthContext, BirthRule, Explained } from './types';
import { unknownBirth } from './unknown';
import { zeroOverZero } from './zeroOverZero';
import { zeroTimesInf } from './zeroTimesInf';

/** In order: the first that its evidence shows is the mechanism. `nan-in-input` has no node and is told apart before. */
export const birthRules: readonly BirthRule[] = [
  nanInWeights,
  fullyMaskedRow,
  maskOverflow,
  scoreOverflow,
  ...operationRules([
    zeroTimesInf,
    infMinusInf,
    zeroOverZero,
    infOverInf,
    logOfNegative,
    sqrtOfNegative,
    powOfNegative,
  ]),
];

export function explainBirth(context: BirthContext): Explained & { readonly mechanism: BirthMechanism } {
  const declined: { mechanism: BirthMechanism; why: string }[] = [];
  for (const rule of birthRules) {
    const said = rule.explain(context);
    if (said && 'explanation' in said) return { mechanism: rule.id, ...said };
    if (said) declined.push({ mechanism: rule.id, why: said.declines });
  }
  return { mechanism: 'unknown', ...unknownBirth(context, declined) };
}
