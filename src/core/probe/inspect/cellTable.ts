import type { HealthParams } from './health';

/** Cell of an element by its flat index, any axis order. */
export function cellTable(params: Pick<HealthParams, 'cell' | 'axes'>): (index: number) => number {
  const strides: number[] = [];
  const keptStrides: number[] = [];
  let stride = 1;
  let kept = 1;
  for (let i = params.axes.length - 1; i >= 0; i -= 1) {
    const axis = params.axes[i] ?? { size: 1, kept: false };
    strides[i] = stride;
    stride *= axis.size;
    keptStrides[i] = axis.kept ? kept : 0;
    if (axis.kept) kept *= axis.size;
  }
  const sizes = params.axes.map((axis) => axis.size);
  return (index) => {
    let at = 0;
    for (let i = 0; i < sizes.length; i += 1) {
      const keptStride = keptStrides[i] ?? 0;
      if (keptStride !== 0) at += (Math.floor(index / (strides[i] ?? 1)) % (sizes[i] ?? 1)) * keptStride;
    }
    return params.cell[at] ?? -1;
  };
}
