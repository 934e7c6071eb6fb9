export { app } from '../app.module';
