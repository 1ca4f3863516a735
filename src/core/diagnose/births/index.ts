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
import { nanInWeights } from './nanInWeights';
import type { BirthContext, BirthRule, Explained } from './types';
import { unknownBirth } from './unknown';

/** In order: the first that its evidence shows is the mechanism. `nan-in-input` has no node and is told apart before. */
const rules: readonly BirthRule[] = [
  nanInWeights,
  fullyMaskedRow,
  zeroTimesInf,
  infMinusInf,
  zeroOverZero,
  infOverInf,
  logOfNegative,
  sqrtOfNegative,
  powOfNegative,
];

export function explainBirth(context: BirthContext): Explained & { readonly mechanism: BirthMechanism } {
  for (const rule of rules) {
    const explained = rule.explain(context);
    if (explained) return { mechanism: rule.id, ...explained };
  }
  const fallback = unknownBirth.explain(context);
  return { mechanism: 'unknown', evidence: fallback?.evidence ?? {}, explanation: fallback?.explanation ?? '' };
}
