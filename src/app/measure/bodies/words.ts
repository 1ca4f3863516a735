/** Bodies in words, for explanations. */
import type { InsideFrame } from '../../../core/report';

/**
 * `This is inside iteration 3 (of 0 to 4) of loop (Loop), there in the then_branch of loop/body/choose (If).`
 * @param iterations of the innermost frame that has any.
 */
export function insideText(frames: readonly InsideFrame[], iterations: number | null = null): string {
  const last = frames.findLastIndex((frame) => frame.iteration !== null);
  const parts = frames.map(({ node, op, body, iteration }, i) => {
    if (body === 'function') return `the local function ${op} as ${node} calls it`;
    if (body === 'expanded') return `${node} (${op}), written out in plain operators`;
    if (iteration === null) return `the ${body} of ${node} (${op})`;
    const among = i === last && iterations !== null ? `of 0 to ${String(iterations - 1)}` : 'counted from 0';
    return `iteration ${String(iteration)} (${among}) of ${node} (${op})`;
  });
  return `This is inside ${parts.join(', there in ')}.`;
}
