export { milk } from '../milk/milk';
