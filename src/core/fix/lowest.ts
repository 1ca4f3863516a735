/** Numbers at the ends of element types. */
import { largest } from '../diagnose/births/family';

/**
 * What stands for −∞ where `masks` of them may be added to one score: together they take half of the type's range, and
 * leave the other half to the score. exp() of it is 0 beside any other score all the same.
 */
export const finiteLowest = (dtype: string, masks: number): number => -largest(dtype) / (2 * Math.max(1, masks));

/** A positive number that counts as nothing beside any other, and whose reciprocal is still finite. */
export const tiny = (dtype: string): number => (dtype === 'float16' ? 1e-4 : 1e-12);

/** exp() of it leaves room for a sum of thousands in float32 and float64, of a few in float16. */
export const mostExp = (dtype: string): number => (dtype === 'float64' ? 700 : dtype === 'float16' ? 9 : 80);
