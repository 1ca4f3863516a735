// The padded batch of the investigation through ONNX Runtime, stopped where its output is there.
const ort = require('onnxruntime-node');

const positions = Array.from({ length: 35 }, (_, position) => position);
const ids = [
  ...positions.map((position) => (position < 30 ? 0 : position)),
  ...positions.map((position) => position + 1),
];
const mask = [...positions.map((position) => (position < 30 ? 0 : 1)), ...positions.map(() => 1)];
const tensor = (values) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [2, 35]);

async function main(modelPath) {
  const session = await ort.InferenceSession.create(modelPath);
  const feeds = { input_ids: tensor(ids), attention_mask: tensor(mask) };
  const { logits } = await session.run(feeds);
  const scores = Float32Array.from(logits.data.slice(-97));
  const best = scores.indexOf(Math.max(...scores));
  debugger;
  const clean = logits.data.map((value) => (Number.isNaN(value) ? 0 : value));
  debugger;
  return [best, clean.length];
}

main(process.argv[2]).then((result) => console.log(result));
