/** Hazards of masks: rows that nothing is left of, and sums of masks that leave the range of a type. */
import { areApart, partsOfMasks, type Mask, type SoftmaxSite } from '../values';
import type { Clue, Rule } from './types';

/** Whether some row may be closed whole: a causal mask alone leaves every position itself. */
export const mayCloseRows = (masks: readonly Mask[]): boolean =>
  [...partsOfMasks(masks)].some((part) => part !== 'causal');

const guarded = ({ masks, guarded: behind }: SoftmaxSite): boolean => behind || masks.some((mask) => mask.guarded);

/** A softmax that gives NaN for a row that its masks close whole. */
export function isHazardous(site: SoftmaxSite): boolean {
  return !guarded(site) && site.masks.some(({ fill }) => fill === '-inf') && mayCloseRows(site.masks);
}

/** Lowest values alone stay finite; in half precision, or with a score below 0 added, they pass the end of the type. */
const isAtTheEdge = (site: SoftmaxSite): boolean =>
  !guarded(site) &&
  site.masks.some(({ fill }) => fill === 'lowest') &&
  partsOfMasks(site.masks).has('causal') &&
  partsOfMasks(site.masks).has('padding');

const axisOf = ({ axis }: SoftmaxSite): Clue => (axis === undefined ? {} : { axis });

export const unguardedMask: Rule = {
  id: 'masked-row-no-guard',
  severity: 'warning',
  title: 'Softmax of a row that may be masked whole',
  why: 'A row of nothing but -inf has the sum 0, and softmax divides by it: NaN. In the next layer every token that reads the row is NaN too.',
  guide: 'fully-masked-row',
  atEnd: ({ softmaxes }, { tell }) => {
    for (const site of softmaxes) {
      if (isHazardous(site))
        tell(
          site.call,
          'Scores are masked with -inf and nothing keeps a row from being masked whole: its softmax is NaN.',
          { masks: site.masks, ...axisOf(site) },
        );
    }
  },
};

export const lowestMask: Rule = {
  id: 'lowest-mask-no-guard',
  severity: 'information',
  title: 'Lowest value of a type as a mask, causal and padding together',
  why: 'A row that is masked whole gets equal weights for every masked token. In half precision the lowest value plus a score is -inf, and the row is NaN.',
  guide: 'mask-overflow',
  atEnd: ({ softmaxes }, { tell }) => {
    for (const site of softmaxes)
      if (isAtTheEdge(site))
        tell(
          site.call,
          'A row that causal and padding mask close together attends to padding, and may be NaN in half precision.',
          axisOf(site),
        );
  },
};

export const mergedMask: Rule = {
  id: 'merged-mask-attention',
  severity: 'warning',
  title: 'Attention with a mask of causal and padding parts',
  why: 'With left padding the first positions see neither earlier tokens nor themselves. What attention gives for such a row differs from kernel to kernel: zeros in some, NaN in others.',
  guide: 'fully-masked-row',
  on: {
    attention: ({ node, kind, masks }, { tell }) => {
      const all = masks.map(({ mask }) => mask);
      const parts = partsOfMasks(all);
      // What is joined with a causal mask is one of padding, whatever it is called.
      if (!parts.has('causal') || parts.size === 1 || all.some((mask) => mask.guarded)) return;
      if (all.every(({ form, fill }) => form === 'additive' && fill !== '-inf')) return;
      tell(node, `${kind} is given causal and padding masks together, and nothing opens a row that both close.`, {
        masks: all,
        kind,
      });
    },
  },
};

export const addedMasks: Rule = {
  id: 'lowest-values-added',
  severity: 'warning',
  title: 'Two masks of lowest values added',
  why: 'Twice the lowest value of a type is -inf. A row where every place is closed by one or the other is then NaN after the softmax.',
  guide: 'mask-overflow',
  on: {
    added: ({ node, left, right }, { tell }) => {
      const [a, b] = [left.mask, right.mask];
      if (!a || !b || a.planes === 0 || b.planes === 0 || a.planes + b.planes <= 1) return;
      if ((a.fill !== 'lowest' && b.fill !== 'lowest') || areApart(a, b)) return;
      tell(node, 'Both masks hold the lowest value of their type: where both close a place the sum is -inf.');
    },
  },
};

export const castMask: Rule = {
  id: 'lowest-cast-to-half',
  severity: 'warning',
  title: 'Lowest float32 value in a narrower type',
  why: 'The lowest number of float32 is -inf in float16 and bfloat16. A mask that was finite on purpose is then one of -inf.',
  guide: 'mask-overflow',
  on: {
    cast: ({ node, input, type }, { tell }) => {
      if (type !== 'float16' && type !== 'bfloat16') return;
      const fill = input.filled ?? (input.mask?.form === 'additive' ? input.mask.put : undefined) ?? input;
      const written =
        fill.lowest === 'float32' || (fill.number !== undefined && fill.number < -65504 && fill.number !== -Infinity);
      if (written && (type === 'float16' || fill.lowest === 'float32' || (fill.number ?? 0) < -3.38e38))
        tell(node, `The lowest value of float32 becomes -inf in ${type}.`);
    },
  },
};

export const maskTimesInfinity: Rule = {
  id: 'mask-times-infinity',
  severity: 'error',
  title: 'Mask multiplied by infinity',
  why: 'Where the mask is 0, 0 times infinity is NaN: not the masked places break but the open ones. Every row has some, so every score is lost.',
  guide: 'zero-times-inf',
  on: {
    multiplied: ({ node, left, right }, { tell }) => {
      const [infinite, other] = Math.abs(left.number ?? 0) === Infinity ? [left, right] : [right, left];
      if (Math.abs(infinite.number ?? 0) !== Infinity || other.number !== undefined || other.filled) return;
      if (other.mask || other.unit)
        tell(node, 'Where the mask is 0 this is 0 times infinity: NaN at every open place.');
    },
  },
};

export const multipliedAway: Rule = {
  id: 'mask-multiply-keeps-nan',
  severity: 'warning',
  title: 'NaN multiplied by 0',
  why: 'A mask of 0 clears numbers but not NaN: NaN times 0 is NaN. torch.where puts the 0 there instead.',
  guide: 'zero-times-nan',
  on: {
    multiplied: ({ node, left, right, leftNode, rightNode }, { tell, text }) => {
      const [nan, mask, maskNode] = left.softmax ? [left, right, rightNode] : [right, left, leftNode];
      if (left.nanOf ?? right.nanOf) {
        tell(node, 'NaN times 0 is NaN: multiplying by what is not NaN clears nothing.', {
          mask: left.nanOf ? leftNode : rightNode,
        });
        return;
      }
      if (!nan.softmax || !isHazardous(nan.softmax) || !mask.mask || mask.masks) return;
      if (/head|drop/i.test(text(maskNode))) return;
      tell(node, 'Rows that were masked whole are NaN here, and NaN times 0 is NaN: the mask clears nothing.', {
        mask: maskNode,
      });
    },
  },
};

export const filledTooLate: Rule = {
  id: 'fill-keeps-value-nan',
  severity: 'information',
  title: 'Masking does not reach NaN in the values',
  why: 'Weights of masked keys are 0, and 0 times NaN is NaN: NaN in a masked value reaches every query. Only values that are cleaned before the product help.',
  guide: 'zero-times-nan',
  on: {
    filled: ({ node, input, condition }, { tell }) => {
      if (condition.nanOf && input.product === 'plain')
        tell(node, 'NaN scores are replaced here, but the NaN keys have NaN values too, and 0 times NaN is NaN.');
      else if (input.product === 'probabilities' && !input.summed?.cleared && condition.mask && !condition.rows)
        tell(
          node,
          'This clears padded rows after the product; NaN in a masked value has reached the other rows by then.',
          input.summed ? { values: input.summed.node } : {},
        );
    },
  },
};

export const removedGuard: Rule = {
  id: 'guard-switched-off',
  severity: 'information',
  title: 'A guard for fully masked rows is switched off',
  why: 'Rows that are masked whole were opened here for older versions of torch. Newer ones give zeros in most kernels, not in all, and not where scores are NaN already.',
  guide: 'fully-masked-row',
  on: {
    called: ({ given }, { tell, text }) => {
      for (const { name, node } of given)
        if (
          name !== null &&
          /^(allow_torch_fix|unmask_unattended|guard_empty_rows)$/.test(name) &&
          text(node) === 'False'
        )
          tell(node, `${name}=False leaves rows that are masked whole as they are.`);
    },
    branched: ({ node }, { tell, text }) => {
      const condition = node.children.find(({ field }) => field === 'condition');
      const body = node.children.find(({ field }) => field === 'consequence');
      if (
        !condition ||
        !body ||
        !/torch/i.test(text(condition)) ||
        !/version|greater|less|\d\.\d/i.test(text(condition))
      )
        return;
      if (/unmask|\|=?[^\n]*\b(all|any)\(|\.all\(/.test(text(body)))
        tell(condition, 'Rows that are masked whole are opened for some versions of torch only.');
    },
  },
};
