/** What the masks of all attention sites say, read beside the screen's sums. */
import type { AttentionSite, MaskStep } from '../../core/diagnose/attentionSites';
import type { MaskPlane, PlaneParams } from '../../core/diagnose/maskPlane';
import { maskedBelow, planeAxes } from '../../core/diagnose/maskPlane';
import type { AxesOfGraph } from '../../core/onnx/axes/infer';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { Facts } from './facts';

export interface MaskInspection {
  readonly step: MaskStep;
  readonly inspection: AnyInspection;
}

/** Mask steps whose axes against the scores are known; equal masks are read once per step, they are small. */
export function maskInspections(
  sites: readonly AttentionSite[],
  axes: AxesOfGraph,
  facts: Pick<Facts, 'shape'>,
  constantOf: (value: string) => number | bigint | undefined,
): MaskInspection[] {
  const found: MaskInspection[] = [];
  for (const site of sites) {
    for (const step of site.masks) {
      // A fill that is not a very low number (0, say) does not mask.
      const fill = step.fill === null ? undefined : constantOf(step.fill);
      if (fill !== undefined && !(Number(fill) < maskedBelow)) continue;
      const scores = axes.of(step.scores);
      const shape = facts.shape(step.mask);
      const how = scores && shape ? planeAxes(scores, shape) : null;
      if (!how) continue;
      const params: PlaneParams = { kind: step.kind, keepWhen: step.keepWhen, axes: how };
      const id = `mask:${String(found.length)}`;
      found.push({ step, inspection: { id, inspector: 'maskPlane', tensors: [step.mask], params } });
    }
  }
  return found;
}

export function isPlane(value: unknown): value is MaskPlane {
  return typeof value === 'object' && value !== null && 'masked' in value && value.masked instanceof Uint8Array;
}
