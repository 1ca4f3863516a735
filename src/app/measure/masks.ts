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

/** Mask steps whose axes against the scores are known; layers that share a mask share its inspection. */
export function maskInspections(
  sites: readonly AttentionSite[],
  axes: AxesOfGraph,
  facts: Pick<Facts, 'shape'>,
  constantOf: (value: string) => number | bigint | undefined,
): MaskInspection[] {
  const found: MaskInspection[] = [];
  const shared = new Map<string, AnyInspection>();
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
      const key = JSON.stringify([step.mask, params]);
      const inspection = shared.get(key) ?? {
        id: `mask:${String(shared.size)}`,
        inspector: 'maskPlane',
        tensors: [step.mask],
        params,
      };
      shared.set(key, inspection);
      found.push({ step, inspection });
    }
  }
  return found;
}

export function isPlane(value: unknown): value is MaskPlane {
  return typeof value === 'object' && value !== null && 'masked' in value && value.masked instanceof Uint8Array;
}
