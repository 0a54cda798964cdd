import { nodeVariant } from './node-variant.js';
import { calls } from './load.js';
const mode = (process.argv[2] ?? 'bind') as 'bind' | 'room';
const of = async (n: number) => {
  const v = await nodeVariant({ name: 'x', title: 'x', mode, io: 'dgram' }).start(calls(n / 2));
  const m = await v.memory!();
  await v.close();
  return m;
};
const a = await of(100), b = await of(10000);
console.log(mode, 'resident', ((b.resident - a.resident) / 9900 / 1024).toFixed(2), 'heap', ((b.heap - a.heap) / 9900 / 1024).toFixed(2), JSON.stringify([a, b]));
process.exit(0);
