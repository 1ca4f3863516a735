import { nanToNumSoftmax } from './nanToNumSoftmax';
import type { Fix } from './types';
import { unmaskRows } from './unmaskRows';

/** Every fix of the graph, in the order in which they are tried. */
export const fixes: readonly Fix[] = [unmaskRows, nanToNumSoftmax];
