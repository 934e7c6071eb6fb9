import { SlabMemory } from '../../src/domain/log/slab-memory';
import { eventually } from './eventually';

/*
 * Lets go of more than may wait for a collection and collects: writes whether new memory is counted before and after that.
 * With --expose-gc.
 */
const SIZE = 1000;
const memory = new SlabMemory(2 * SIZE);

function isCounted(): boolean {
  return memory.allocate(SIZE) instanceof ArrayBuffer;
}

async function main(): Promise<void> {
  for (let i = 0; i < 3; i += 1) memory.letGo(memory.allocate(SIZE));
  const before = isCounted();
  await eventually(() => {
    globalThis.gc?.();
    if (isCounted()) throw new Error('new memory is still counted');
  });
  process.stdout.write(JSON.stringify([before, isCounted()]));
}

void main();
