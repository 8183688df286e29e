import test from 'ava';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { checkSwitchRequirements, type Surroundings } from './requirements.ts';

const complete: Surroundings = {
	userId: 0,
	mayOpen: async () => true,
	find: async program => `/usr/sbin/${program}`,
};

test('who is not root is told so, and nothing that only root could see', async t => {
	const fault = await t.throwsAsync(
		checkSwitchRequirements({ ...complete, userId: 1000, mayOpen: async () => false }),
	);
	t.regex(fault?.message ?? '', /: it makes network devices: run it as root \(sudo\)$/);
});

test('where everything is there, nothing is said', async t => {
	await t.notThrowsAsync(checkSwitchRequirements(complete));
});

test('everything that is missing is said at once, with how to get it', async t => {
	const bare: Surroundings = {
		userId: 0,
		mayOpen: async () => false,
		async find(program) {
			if (!program.startsWith('ovs')) return program;
			throw new BimetalError('PartMissing', `${program} is not here: apt-get install openvswitch-switch`);
		},
	};
	const fault = await t.throwsAsync(checkSwitchRequirements(bare), { code: 'SwitchUnavailable' });
	for (const part of [/\/dev\/net\/tun .*modprobe tun/, /ovs-vswitchd is not here: apt-get install/])
		t.regex(fault?.message ?? '', part);
});

for (const [what, lacks] of [
	['root', { userId: 1000 }],
	['a user id', { userId: undefined }],
	['/dev/net/tun', { mayOpen: async () => false }],
] as const) {
	test(`without ${what} it is refused`, async t => {
		await t.throwsAsync(checkSwitchRequirements({ ...complete, ...lacks }), { code: 'SwitchUnavailable' });
	});
}
