import { faultTable, updateReport } from './fault-table';
import { RabbitMqNode } from './rabbitmq-node';
import { closeRunFolder } from './run-folder';

export default async function teardown(): Promise<void> {
  const description = process.env['TEST_AMQP_NODE'];
  if (description !== undefined) await RabbitMqNode.of(description).stop();
  const table = faultTable();
  if (table !== '') {
    process.stdout.write(`\n${table}\n`);
    const report = process.env['FAULT_REPORT'];
    if (report !== undefined) updateReport(report);
  }
  closeRunFolder();
}
