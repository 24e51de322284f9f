#!/usr/bin/env node
// A rival for `fftconv-bench --peer onnxruntime`: ONNX Runtime, of the npm package onnxruntime-node (found from the
// working directory or through NODE_PATH; `npm install --ignore-scripts onnxruntime-node` leaves CUDA out). The protocol
// is in README.md of this folder; models are written by onnx_model.py next to this file.
import {execFileSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {createInterface} from 'node:readline';

const runtime = load('onnxruntime-node');
let session, images, outputs;

function load(name) {
  for (const from of [process.cwd() + '/', import.meta.url]) {
    try {
      return createRequire(from)(name);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return null;
}

function writeModel(file, line) {
  execFileSync(fileURLToPath(new URL('onnx_model.py', import.meta.url)), [file, ...line.split(' ')],
               {stdio: ['ignore', 'inherit', 'inherit']});
}

/** The floats of a layer's images; of a network, random ones. */
function imagesOf(work) {
  if (work.architecture) {
    const shape = [Number(work.batch), ...work.architecture.split(':')[0].split('x').map(Number)];
    const count = shape.reduce((product, extent) => product * extent, 1);
    return new runtime.Tensor('float32', Float32Array.from({length: count}, () => 2 * Math.random() - 1), shape);
  }
  const bytes = readFileSync(work.folder + '/x.f32');
  const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return new runtime.Tensor('float32', floats, [work.batch, work.channels, work.height, work.width].map(Number));
}

async function prepare(line) {
  const work = Object.fromEntries(line.split(' ').slice(1).map((word) => word.split(/=(.*)/s).slice(0, 2)));
  if (!runtime) return 'cannot run without the npm package onnxruntime-node';
  if (work.pass === 'training') return 'cannot train';
  writeModel(work.folder + '/model.onnx', line);
  session = await runtime.InferenceSession.create(work.folder + '/model.onnx', {
    executionProviders: ['cpu'],
    intraOpNumThreads: Number(work.threads),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    freeDimensionOverrides: {N: Number(work.batch)},
  });
  images = imagesOf(work);
  folder = work.folder;
  const simd = work.simd === 'best' ? '' : ' (its own choice of instructions)';
  return `ready ONNX Runtime ${runtime.env.versions.node}${simd}`;
}

let folder;
const questions = {
  async run() {
    const start = process.hrtime.bigint();
    outputs = await session.run({images});
    return (Number(process.hrtime.bigint() - start) * 1e-9).toFixed(9);
  },
  async result() {
    const {data} = outputs.logits;
    writeFileSync(folder + '/y.f32', Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return 'done';
  },
};

for await (const line of createInterface({input: process.stdin}))
  process.stdout.write(await (questions[line] ?? (() => prepare(line)))() + '\n');
