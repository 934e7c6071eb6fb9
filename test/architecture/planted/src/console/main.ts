import { thing } from '../domain/pure';

export const main = thing;
