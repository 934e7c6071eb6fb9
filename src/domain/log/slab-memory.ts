/** Bytes that were let go and not yet collected, above which the engine is to know of new memory; less in a small window. */
const UNCOLLECTED = 64 * 1024 * 1024;

/**
 * The memory of a window, which V8 does not count as it grows. V8 runs a full collection whenever some 8 MiB of
 * ArrayBuffers have come since the last one, which is about once a second for a window that takes 8000 messages/s in,
 * and such a collection has nothing to find. SharedArrayBuffers do not count (`BackingStore::PerIsolateAccountingLength`
 * in V8); nobody shares these. When too much has been let go that no collection has freed, new memory is counted until
 * one has.
 */
export class SlabMemory {
  private uncollected = 0;
  private readonly collected = new FinalizationRegistry<number>((bytes) => {
    this.uncollected -= bytes;
  });

  private readonly maxUncollected: number;

  /** `windowBytes`: what the window may hold; no more than that waits for a collection. */
  constructor(windowBytes: number) {
    this.maxUncollected = Math.min(UNCOLLECTED, windowBytes);
  }

  /** Bytes of zeros. */
  allocate(bytes: number): ArrayBufferLike {
    return this.uncollected > this.maxUncollected
      ? new ArrayBuffer(bytes)
      : new SharedArrayBuffer(bytes);
  }

  /** What is not needed any more; frames that are still being written may keep it for a while. */
  letGo(memory: ArrayBufferLike): void {
    if (!(memory instanceof SharedArrayBuffer)) return;
    this.uncollected += memory.byteLength;
    this.collected.register(memory, memory.byteLength);
  }
}
