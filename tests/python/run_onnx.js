// Runs an ONNX network in ONNX Runtime: run_onnx.js MODEL INPUT OUTPUT N C H W; raw float32 in and out.
const fs = require('fs');
const runtime = require('onnxruntime-node');
const [model, input, output, ...shape] = process.argv.slice(2);
const bytes = fs.readFileSync(input);
const images = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
runtime.InferenceSession.create(model, {intraOpNumThreads: 1}).then(async (session) => {
  const found = await session.run({images: new runtime.Tensor('float32', images, shape.map(Number))});
  fs.writeFileSync(output, Buffer.from(found.logits.data.buffer, found.logits.data.byteOffset, found.logits.data.byteLength));
});
