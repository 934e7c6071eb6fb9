/** Loaded before a program: its wall clock is `CLOCK_SHIFT` ms ahead, its monotonic one is right. */
const { now } = Date;
const shift = Number(process.env.CLOCK_SHIFT);
Date.now = () => now() + shift;
