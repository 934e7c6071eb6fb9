export { link } from '../rabbitmq/link';
