import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { AuditRecord } from './audit-record.ts';
import { createClockWatch } from './watch-clock.ts';

test('each time that the clock is set by two seconds or more is on the record, and no passing of time is', t => {
	const step = fc.record({
		passed: fc.nat(1e7),
		set: fc.oneof(fc.constant(0), fc.integer({ min: -1e8, max: 1e8 })),
	});
	fc.assert(
		fc.property(fc.array(step), steps => {
			const clock = new FakeClock();
			const records: AuditRecord[] = [];
			const append = (record: AuditRecord) => {
				records.push(record);
				return { durable: Promise.resolve() };
			};
			const look = createClockWatch({ clock, audit: { append }, logger: silentLogger });
			for (const { passed, set } of steps) {
				clock.advance(passed);
				clock.jump(set);
				look();
			}
			const expected = steps.filter(({ set }) => Math.abs(set) >= 2000);
			t.deepEqual(
				records,
				expected.map(({ set }) => ({ kind: 'clock', jumpedMs: set })),
			);
		}),
	);
	t.pass();
});
