import type { BirthMechanism } from '../../report';
import {
  infMinusInf,
  infOverInf,
  logOfNegative,
  powOfNegative,
  sqrtOfNegative,
  zeroOverZero,
  zeroTimesInf,
} from './arithmetic';
import { fullyMaskedRow } from './fullyMaskedRow';
import { maskOverflow } from './maskOverflow';
import { nanInWeights } from './nanInWeights';
import { scoreOverflow } from './scoreOverflow';
import type { BirthContext, BirthRule, Explained } from './types';
import { unknownBirth } from './unknown';

/** In order: the first that its evidence shows is the mechanism. `nan-in-input` has no node and is told apart before. */
const rules: readonly BirthRule[] = [
  nanInWeights,
  fullyMaskedRow,
  maskOverflow,
  scoreOverflow,
  zeroTimesInf,
  infMinusInf,
  zeroOverZero,
  infOverInf,
  logOfNegative,
  sqrtOfNegative,
  powOfNegative,
];

export function explainBirth(context: BirthContext): Explained & { readonly mechanism: BirthMechanism } {
  const declined: { mechanism: BirthMechanism; why: string }[] = [];
  for (const rule of rules) {
    const said = rule.explain(context);
    if (said && 'explanation' in said) return { mechanism: rule.id, ...said };
    if (said) declined.push({ mechanism: rule.id, why: said.declines });
  }
  return { mechanism: 'unknown', ...unknownBirth(context, declined) };
}
