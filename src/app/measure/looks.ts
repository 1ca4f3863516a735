/** What to look at for one birth: which values have to be at hand, and which inspectors run beside them. */
import { kindOf } from '../../core/batch/layout';
import type { NewNaN } from '../../core/diagnose/newNaN';
import type { LaneOfNode } from '../../core/diagnose/rows/lanesOf';
import { laneSpec } from '../../core/diagnose/rows/lanesOf';
import { shapeOf } from '../../core/diagnose/rows/readThrough';
import type { RowPlan } from '../../core/diagnose/rows/rowPlan';
import { rowPlan } from '../../core/diagnose/rows/rowPlan';
import { softmaxLike } from '../../core/diagnose/rows/softmaxLike';
import { isFloat } from '../../core/probe/instrument';
import type { AnyInspection } from '../../core/probe/inspectors';
import { NAN } from '../../core/trace/health';
import { typeOf } from './around';
import { cellParams } from './cellParams';
import type { Measurement } from './measure';

/** Elements shown per birth. */
const shownElements = 3;
/** Constants up to here are handed out whole; of larger ones single elements are fetched. */
const smallConstant = 65_536;
/** A causal mask that is stored with the model. */
const largestMask = 1 << 22;

export interface BirthLook {
  readonly birth: NewNaN;
  readonly dtype: string;
  /** Inputs that are shown element by element. */
  readonly inputs: readonly string[];
  readonly plan: RowPlan | null;
  readonly lane: LaneOfNode | null;
  readonly inspections: readonly AnyInspection[];
  /** Everything that the inspections read. */
  readonly values: readonly string[];
}

export const operandsId = (i: number): string => `operands:${String(i)}`;
export const rowsId = (i: number): string => `rows:${String(i)}`;
export const laneId = (i: number): string => `lane:${String(i)}`;

/** @param i number of the birth, which tells its inspections from those of others. */
export function lookAt(measured: Measurement, birth: NewNaN, i: number): BirthLook {
  const { graph } = measured.target;
  const { node, value } = birth;
  const inspections: AnyInspection[] = [];
  const inputs = [...new Set(node.inputs)].filter((input) => input !== '' && isShown(measured, input));
  const axes = measured.axes.of(value);
  const wanted = birth.cells.bits.map((bit) => ((bit & NAN) !== 0 ? 1 : 0));
  const cells = axes ? cellParams(measured, axes) : null;
  if (cells) {
    inspections.push({
      id: operandsId(i),
      inspector: 'operands',
      tensors: [value, ...inputs],
      params: { ...cells, wanted, limit: shownElements },
    });
  }
  const like = softmaxLike(graph, node);
  const plan = like
    ? rowPlan(
        {
          graph,
          axes: measured.axes,
          facts: measured.facts,
          isPositions: (input) => isPositions(measured, input),
          dtype: (name) => typeOf(measured, name),
          readable: (name) => isReadable(measured, name, largestMask),
        },
        like,
      )
    : null;
  const scoreAxes = plan ? measured.axes.of(plan.like.scores) : null;
  if (plan && scoreAxes && isReadable(measured, plan.like.scores, largestMask)) {
    const tensors = [
      ...new Set([plan.like.scores, ...plan.reads.map((read) => read.value), ...productOf(measured, plan)]),
    ];
    inspections.push({
      id: rowsId(i),
      inspector: 'softmaxRows',
      tensors,
      params: {
        ...cellParams(measured, scoreAxes),
        axis: plan.axis,
        wanted,
        sources: plan.reads.map((read) => ({ tensor: tensors.indexOf(read.value), path: read.path })),
        ...(plan.product && plan.product.read >= 0
          ? {
              product: {
                source: plan.product.read,
                path: plan.product.path,
                spec: plan.product.spec,
                dims: plan.product.operands.map((operand) => shapeOf(graph, measured.facts, operand) ?? []),
                tensors: plan.product.operands.map((operand) => tensors.indexOf(operand)),
              },
            }
          : {}),
      },
    });
  }
  const lane = value === node.outputs[0] ? laneSpec(graph, measured.facts, node) : null;
  if (lane && cells) {
    const handed = lane.operands.filter((operand) => isReadable(measured, operand, smallConstant));
    const tensors = [...new Set([value, ...handed])];
    inspections.push({
      id: laneId(i),
      inspector: 'lanes',
      tensors,
      params: {
        ...cells,
        wanted,
        spec: lane.spec,
        dims: lane.operands.map((operand) => shapeOf(graph, measured.facts, operand) ?? []),
        tensors: lane.operands.map((operand) => (handed.includes(operand) ? tensors.indexOf(operand) : -1)),
      },
    });
  }
  return {
    birth,
    dtype: typeOf(measured, value),
    inputs,
    plan,
    lane,
    inspections,
    values: [...new Set(inspections.flatMap((inspection) => inspection.tensors))],
  };
}

/** Operands of Q·Kᵀ, to tell which products left the range; not worth it where they are stored weights. */
const productOf = (measured: Measurement, plan: RowPlan): string[] =>
  plan.product?.operands.every((operand) => isReadable(measured, operand, smallConstant)) === true
    ? [...plan.product.operands]
    : [];

/** Types that the engine hands out safely. */
const fetched = /^(float(16|32|64)|u?int(8|16|32|64)|bool)$/;

function isReadable(measured: Measurement, value: string, constantLimit: number): boolean {
  const { graph } = measured.target;
  const { facts } = measured;
  if (value === '' || !fetched.test(typeOf(measured, value))) return false;
  if (!graph.isInitializer(value)) return facts.shape(value) !== null || graph.constant(value) !== null;
  return (shapeOf(graph, facts, value) ?? []).reduce((a, b) => a * b, 1) <= constantLimit;
}

/** Small tensors and activations are worth showing; a weight matrix is not an operand that one looks at. */
function isShown(measured: Measurement, value: string): boolean {
  const dtype = typeOf(measured, value);
  const { graph } = measured.target;
  if (!graph.isConstant(value)) return isFloat(dtype) || dtype.startsWith('int') || dtype === 'bool';
  return isFloat(dtype) && isReadable(measured, value, smallConstant);
}

/** Counts positions only, says nothing of what stands there. */
function isPositions(measured: Measurement, input: string): boolean {
  const tensor = measured.target.inputs[input];
  if (!tensor) return false;
  const kind = kindOf({ name: input, dtype: tensor.dtype, dims: tensor.dims });
  return kind === 'positions' || kind === 'cache-flag';
}
