import { kindOf } from '../../batch/layout';
import type { TensorData } from '../../tensor';
import { allocate } from '../../tensor';
import { isPadded } from './padded';
import type { BatchFix } from './types';

/** Positions counted over real tokens only: `cumsum(mask) − 1`, never below 0. */
export const positionIdsFromMask: BatchFix = {
  id: 'position-ids-from-mask',
  title: 'Count positions over real tokens (position ids from the mask)',
  effect: 'Real tokens get the positions that they have without padding; pad tokens get position 0.',
  plan({ inputs, specs, axes, roles }) {
    if (!isPadded({ inputs, specs, axes, roles })) return { applies: false, reason: 'The batch has no padding.' };
    const spec = specs.find((one) => kindOf(one) === 'positions');
    const before = spec && inputs[spec.name];
    if (!before) return { applies: false, reason: 'The model has no input for position ids.' };
    const own = axes.get(spec.name);
    const [batch, position] = [own?.[0]?.[0], own?.[1]?.[0]];
    if (before.dims.length !== 2 || batch?.kind !== 'batch' || position?.kind !== 'position')
      return { applies: false, reason: `${spec.name} is not laid out as samples × positions.` };
    const rolesHere = roles[position.sequence] ?? [];
    const [, width = 0] = before.dims;
    // What the past holds was computed with the positions that it had then.
    if (position.positions !== null)
      return {
        applies: false,
        reason: `${spec.name} goes on where the cache ends, which was made with its own positions.`,
      };
    if (rolesHere.some((role) => role.length !== width))
      return { applies: false, reason: `${spec.name} has no row of its own for every sample.` };
    const after = counted(before, rolesHere, width);
    // What stands at padding does not matter.
    const same = rolesHere.every((role, sample) =>
      Array.from(role).every(
        (one, at) => one === 'p' || before.data[sample * width + at] === after.data[sample * width + at],
      ),
    );
    if (same) return { applies: false, reason: `${spec.name} counts real tokens only already.` };
    return {
      applies: true,
      runs: [
        {
          feeds: { ...inputs, [spec.name]: after },
          samples: rolesHere.map((_, sample) => sample),
          layout: { kind: 'padded', roles },
        },
      ],
      note: `${spec.name} = clip(cumsum(mask) − 1, 0).`,
    };
  },
};

function counted({ dtype, dims }: TensorData, roles: readonly string[], width: number): TensorData {
  const data = allocate(dtype, roles.length * width);
  for (const [sample, role] of roles.entries()) {
    let real = 0;
    for (let at = 0; at < width; at += 1) {
      if (role[at] === 'r') real += 1;
      const id = Math.max(0, real - 1);
      data[sample * width + at] = data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(id) : id;
    }
  }
  return { dtype, dims, data };
}
