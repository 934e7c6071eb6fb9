import { receipts, tracedMessages } from './receipts';

describe('receipts, without a broker,', () => {
  receipts(() => ({}));
});

describe('messages that are asked for, without a broker,', () => {
  tracedMessages(() => ({}));
});
