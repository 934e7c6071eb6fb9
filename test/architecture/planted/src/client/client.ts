import { once } from 'node:events';

export const client = once;
