import test from 'ava';
import { machineTime, timeExplained } from './processor-time.ts';

test('the machine has worked for what /proc/stat says, without idling, waiting, and guests counted twice', t => {
	t.is(machineTime('cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n'), 1.71);
	t.true(machineTime() > 0);
});

test('what others had of the processors was not there for us', t => {
	const of = { used: 10, wall: 10, processors: 2 };
	t.is(timeExplained({ ...of, others: 0 }), 5);
	t.is(timeExplained({ ...of, others: 10 }), 10);
	t.is(timeExplained({ ...of, others: -0.01 }), 5, 'ticks are rounded');
});
