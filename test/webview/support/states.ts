/** Panel states for the tests, made from the fixture reports. */
import type { PanelState } from '../../../src/protocol/panel';
import { healed, kimi } from '../../fixtures/reports/generate';

export const done = (change: Partial<PanelState> = {}): PanelState => ({
  key: 'k1',
  modelName: 'sick.onnx',
  phase: 'done',
  progress: null,
  report: kimi({ layers: 2 }),
  before: null,
  error: null,
  batch: { kind: 'lengths', lengths: [5, 35], pad: 'left', seed: 1, file: null, mask: null, level: 'all' },
  maskInputs: ['attention_mask'],
  applied: null,
  preview: null,
  canChangeInPlace: true,
  stale: false,
  readOnly: false,
  source: 'file',
  ...change,
});

const healedReport = healed(2);

export const applied = (): PanelState =>
  done({
    modelName: 'sick.fixed.onnx',
    report: { ...healedReport, model: { ...healedReport.model, name: 'sick.fixed.onnx' } },
    before: kimi({ layers: 2 }),
    applied: { fixId: 'unmask-rows', file: 'models/sick.fixed.onnx', weights: 'inside', measured: true },
  });
