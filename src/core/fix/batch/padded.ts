import type { BatchContext } from './types';

/** Whether there is any padding to do without. */
export const isPadded = ({ roles }: BatchContext): boolean =>
  roles.some((samples) => samples.some((role) => role.includes('p')));
