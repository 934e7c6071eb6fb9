import { Counter } from 'prom-client';

export const STRANGER = Counter;
