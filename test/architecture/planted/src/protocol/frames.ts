export { thing } from '../domain/pure';
