export { settings } from '../../settings';
