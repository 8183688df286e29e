import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { readings as simulated } from '../bmc/simulated/readings.ts';
import { sampleLoad } from './processor-load.ts';
import { serverReadings, serverWatts } from './server-readings.ts';

const RANGE = { idle: 90, busy: 140 };

test('watts are standby when off, and between idle and busy by the load', t => {
	t.is(serverWatts(false, 1, RANGE), 8);
	t.deepEqual(
		[0, 0.5, 1].map(load => serverWatts(true, load, RANGE)),
		[90, 115, 140],
	);
});

test('the sensors are a simulated server’s, by the same ids, names and units', t => {
	const shape = (all: ReturnType<typeof simulated>) =>
		Object.entries(all).map(([id, { name, type, units, critical }]) => [id, name, type, units, critical]);
	t.deepEqual(shape(serverReadings(true, 0.5, 115)), shape(simulated('x', 'On')));
	const idle = serverReadings(true, 0, 90);
	const busy = serverReadings(true, 1, 140);
	for (const id of ['fantach_fan0_tach', 'temperature_cpu0', 'power_psu0_input_power', 'power_total_power'])
		t.true((busy[id]?.value ?? 0) > (idle[id]?.value ?? 0), id);
	t.is(serverReadings(false, 0, 8).fantach_fan0_tach?.value, 0);
});

test('the load is the processor time between two samples, of all processors', t => {
	const clock = new FakeClock();
	let pid: number | undefined = 1;
	let seconds = 5;
	let samples = 0;
	const load = sampleLoad({
		clock,
		everyMs: 1000,
		processors: 2,
		pid: () => pid,
		onSample: () => samples++,
		time: () => seconds,
	});
	const next = (used: number) => {
		seconds += used;
		clock.advance(1000);
		return load.now();
	};
	t.is(load.now(), 0);
	t.is(next(1), 0.5);
	t.is(next(2), 1);
	t.is(next(3), 1, 'never more than all');
	t.is(next(0), 0);
	pid = 2;
	seconds = 0;
	t.is(next(1), 0, 'another process has no last sample');
	t.is(next(1), 0.5);
	pid = undefined;
	t.is(next(1), 0);
	t.is(samples, 8);
	load.stop();
	clock.advance(5000);
	t.is(samples, 8);
});
