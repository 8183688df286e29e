import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { processorDemand } from './processor-demand.ts';

test('who wants a processor is seen to, whether it gets one or not; who sleeps is not', async t => {
	// Stepped back as far as can be: with other tests beside it, it mostly waits.
	const busy = spawn('nice', ['-n', '19', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' });
	const idle = spawn('sleep', ['60'], { stdio: 'ignore' });
	t.teardown(() => [busy.kill('SIGKILL'), idle.kill('SIGKILL')]);
	await Promise.all([once(busy, 'spawn'), once(idle, 'spawn')]);
	const demand = () => [busy.pid ?? 0, idle.pid ?? 0].map(processorDemand) as [number, number];
	// The kernel counts a wait when it is over: this takes as long as it takes.
	for (const end = performance.now() + 30_000; demand()[0] < 1 && performance.now() < end; )
		await new Promise(resolve => setTimeout(resolve, 100));
	const [wanted, slept] = demand();
	t.true(wanted >= 1, `${wanted} s`);
	t.true(slept < 0.5, `${slept} s`);
	busy.kill('SIGKILL');
	await once(busy, 'exit');
	t.is(processorDemand(busy.pid ?? 0), 0);
});
