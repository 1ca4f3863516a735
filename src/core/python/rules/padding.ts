/** Hazards of the side that padding is on. */
import { isHazardous } from './masks';
import type { Rule } from './types';

export const arangePositions: Rule = {
  id: 'left-padding-arange-positions',
  severity: 'warning',
  title: 'Positions counted from the start of a left-padded row',
  why: 'Behind padding on the left the first token is not at position 0. Results differ from those without padding, and no NaN tells.',
  guide: null,
  atEnd: ({ leftPadding, positionsByArange }, { tell }) => {
    if (leftPadding.length > 0)
      for (const node of positionsByArange)
        tell(node, 'Padding is on the left here: count positions from the mask, (mask.cumsum(-1) - 1).clamp(min=0).');
  },
};

export const leftPaddingEager: Rule = {
  id: 'left-padding-eager',
  severity: 'warning',
  title: 'Left padding with eager attention',
  why: 'Padding on the left with a causal mask gives rows that see nothing. Eager attention with masks of -inf makes them NaN, and the next layer hands it to every token.',
  guide: 'fully-masked-row',
  atEnd: ({ leftPadding, eager, softmaxes }, { tell }) => {
    if (eager || softmaxes.some(isHazardous))
      for (const node of leftPadding)
        tell(node, 'With padding on the left, eager attention has rows that are masked whole.');
  },
};
