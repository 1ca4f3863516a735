/** One undefined operation, found in the operands of a node: IEEE 754-2019, 7.2 "Invalid operation". */
import { contraction } from './contraction';
import { elementwise } from './elementwise';
import type { Family, Invalid } from './family';
import { normalization } from './normalization';
import { reduction } from './reduction';
import type { BirthContext } from './types';

const families: readonly Family[] = [elementwise, contraction, reduction, normalization];

export function invalidOperation(context: BirthContext): Invalid | { readonly declines: string } | null {
  for (const family of families) {
    const found = family(context);
    if (found) return found;
  }
  return null;
}
