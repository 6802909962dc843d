// What every peer written in JavaScript measures; told as `peer.py` tells it.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export const say = (said) => console.log(JSON.stringify(said));

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Resident MiB of a process. */
export const resident = (pid) =>
  Math.floor(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1] / 1024);

const milliseconds = async (run) => {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
};

const repeat = async (count, run) => {
  const each = [];
  for (let done = 0; done < count; done++) each.push(await run());
  return each;
};

/** Rejects when the time is up, so that whoever waits for it still ends its servers. */
const interrupted = new Promise((_, stop) => {
  process.once('SIGINT', () => stop(new Error('out of time')));
});

/** Runs the shapes asked for on stdin, until nobody asks; one without a function is answered by its name. */
export const measure = (functions) => Promise.race([interrupted, measureAll(functions)]);

const measureAll = async ({ fan, chain, layers, small, one }) => {
  await fan(100);
  const burst = (count) => Promise.all(Array.from({ length: count }, () => small()));
  const whole = { fan, chain, layered: layers, burst };
  for await (const shape of createInterface({ input: process.stdin })) {
    const [kind, size] = shape.split('-');
    if (whole[kind]) {
      say({ shape, seconds: [(await milliseconds(() => whole[kind](+size))) / 1000] });
    } else if (shape === 'small') {
      const each = [];
      let left = 300;
      const one_after_another = async () => {
        while (left-- > 0) each.push(await milliseconds(small));
      };
      await Promise.all(Array.from({ length: 10 }, one_after_another));
      say({ shape, each_ms: each });
    } else if (shape === 'one') {
      const each = await repeat(200, async () => {
        const took = await milliseconds(one);
        await pause(5);
        return took;
      });
      say({ shape, each_ms: each });
    } else {
      say({ shape });
    }
  }
};
