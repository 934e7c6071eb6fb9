export { fill } from '../infrastructure/adapter';
