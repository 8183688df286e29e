import test from 'ava';
import { watchBootStages } from './boot-stages.ts';

/** Feeds a console in pieces that tear every line apart. */
function stagesOf(text: string): string[] {
	const told: string[] = [];
	const watch = watchBootStages(name => told.push(name));
	for (let at = 0; at < text.length; at += 7) watch(Buffer.from(text.slice(at, at + 7)));
	return told;
}

test('each stage of a boot is told once, however the console is cut', t => {
	const boot = [
		'U-Boot SPL 2019.04 (Jan 01 2026)',
		'U-Boot 2019.04 (Jan 01 2026)',
		'Starting kernel ...',
		'[    0.000000] Booting Linux on physical CPU 0xf00',
		'[    2.1] Run /sbin/init as init process',
		'[    4.2] systemd[1]: systemd 255 running in system mode',
		'[  OK  ] Reached target Basic System.',
		'[  OK  ] Started Start bmcweb server.',
		'romulus login: ',
	].join('\r\n');
	t.deepEqual(stagesOf(boot), [
		'first boot loader (U-Boot SPL)',
		'boot loader (U-Boot)',
		'kernel',
		'user space',
		'systemd',
		'services',
		'the Redfish service',
		'log-in prompt',
	]);
});

test('what stops a boot is told', t => {
	t.deepEqual(stagesOf('U-Boot 2019.04\r\nWrong Image Format for bootm command\r\n'), [
		'boot loader (U-Boot)',
		'the boot loader finds no kernel',
	]);
	t.true(
		stagesOf('[ 3.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n').includes(
			'the kernel has panicked',
		),
	);
});
