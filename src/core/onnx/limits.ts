/**
 * Bounds that keep a hostile file from filling the memory. Each is far above what real exports hold: the largest
 * language models have some 100,000 nodes and their weights are raw data, which stays in the file.
 */
export const limits = {
  /** Messages, strings and unpacked numbers together; each becomes a JavaScript object or array element. */
  elements: 1_500_000,
  /** Fields of any kind; bounds the time, as a field that is repeated needlessly costs no memory. */
  fields: 10_000_000,
  /** Bytes of packed numbers (`int32_data`, `ints`, …), which become arrays of numbers or bigints. */
  packedBytes: 32 * 1024 * 1024,
  /** Bytes of the slim model. */
  slimBytes: 512 * 1024 * 1024,
  /** Levels of messages, as in every protobuf library; one subgraph takes three. */
  depth: 100,
  /** The newest that ONNX Runtime 1.30 loads. */
  opset: 26,
  irVersion: 13,
  /** A protobuf file cannot be larger. */
  protobufBytes: 2 ** 31 - 1,
} as const;

/** Tensors of at least this many bytes stay in their file. */
export const bigTensorBytes = 16 * 1024;
