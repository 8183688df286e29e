import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { monitorOf, retryAfter } from './follow.ts';

const answer = (headers: Record<string, string>) => ({ status: 202, headers, body: undefined });

test('Retry-After in seconds and as a date; two seconds without, a minute at most', t => {
	const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
	const after = (value: string) => retryAfter(answer({ 'retry-after': value }), clock);
	t.is(after('5'), 5000);
	t.is(after('Thu, 01 Jan 2026 00:00:07 GMT'), 7000);
	t.is(after('86400'), 60_000);
	t.is(after('soon'), 2000);
	t.is(retryAfter(answer({}), clock), 2000);
	fc.assert(fc.property(fc.string(), value => after(value) >= 100 && after(value) <= 60_000));
});

test('the TaskMonitor as a plain path, however the Location names it', t => {
	const plain = '/redfish/v1/TaskService/TaskMonitors/7';
	for (const location of [plain, `/bmc/node1${plain}`, `https://127.0.0.1:8443/bmc/node1${plain}`]) {
		t.is(monitorOf(answer({ location })), plain);
	}
	t.is(monitorOf(answer({})), undefined);
	t.is(monitorOf(answer({ location: 'https://[' })), undefined);
});
