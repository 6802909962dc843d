// The service that Restate calls: a task that does nothing, and the graphs that call it.
import { createRequire } from 'node:module';
import { join } from 'node:path';

// Node 20 lacks what the SDK calls; Node 22 has it.
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((done, failed) => ([resolve, reject] = [done, failed]));
  return { promise, resolve, reject };
};
const restate = createRequire(join(process.cwd(), 'bench.cjs'))('@restatedev/restate-sdk');

const task = restate.service({ name: 'task', handlers: { noop: async () => 1 } });
const many = (context, count) => {
  const calls = Array.from({ length: count }, (_, n) => context.serviceClient(task).noop(n));
  return restate.RestatePromise.all(calls);
};
const graph = restate.service({
  name: 'graph',
  handlers: {
    fan: async (context, count) => (await many(context, count)).length,
    chain: async (context, count) => {
      for (let hop = 0; hop < count; hop++) await many(context, 1);
      return count;
    },
    layered: async (context) => {
      for (let layer = 0; layer < 20; layer++) await many(context, 200);
      return 1;
    },
    small: async (context) => {
      for (const width of [1, 2, 1, 1]) await many(context, width);
      return 1;
    },
  },
});
restate.serve({ services: [task, graph], port: +process.env.PORT });
