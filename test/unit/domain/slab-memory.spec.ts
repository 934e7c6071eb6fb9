import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { SlabMemory } from '../../../src/domain/log/slab-memory';

const SIZE = 1000;

/** What V8 counts towards its next full collection. */
const isCounted = (memory: ArrayBufferLike): boolean => memory instanceof ArrayBuffer;

describe('the memory of a window', () => {
  let memory: SlabMemory;

  beforeEach(() => {
    memory = new SlabMemory(2 * SIZE);
  });

  const letGo = (count: number): void => {
    for (let i = 0; i < count; i += 1) memory.letGo(memory.allocate(SIZE));
  };

  it('is zero at first and not counted by V8, however much is in use', () => {
    const inUse = Array.from({ length: 10 }, () => memory.allocate(SIZE));
    expect(inUse.every((one) => !isCounted(one))).toBe(true);
    expect(new Uint8Array(memory.allocate(SIZE)).every((byte) => byte === 0)).toBe(true);
  });

  it('is counted once more was let go than may wait for a collection', () => {
    letGo(2);
    expect(isCounted(memory.allocate(SIZE))).toBe(false);
    letGo(1);
    expect(isCounted(memory.allocate(SIZE))).toBe(true);
  });

  it('waits in no greater amount than 64 MiB, however much the window holds', () => {
    const large = new SlabMemory(2 ** 30);
    for (const [bytes, counted] of [
      [2 ** 26, false],
      [1, true],
    ] as const) {
      large.letGo(large.allocate(bytes));
      expect(isCounted(large.allocate(1))).toBe(counted);
    }
  });

  // In a process of its own: in one of three runs V8 called no finalizer of a jest context that came after others.
  it('is not counted any more when a collection has freed what was let go', async () => {
    const args = ['--expose-gc', '-r', './test/support/typescript.cjs'];
    const program = './test/support/collection-program.ts';
    const { stdout } = await promisify(execFile)(process.execPath, [...args, program]);
    expect(JSON.parse(stdout)).toEqual([true, false]);
  }, 20_000);
});
