// Nodes on their way through the airlock: what the switch carries meanwhile, whose they are, and what they come to.
import test from 'ava';
import { payloads } from '../model/payload.ts';
import { type AirlockBench, startAirlock } from './airlock.fixture.ts';
import { refused } from './evidence.fixture.ts';

const nothing = { native: null, tagged: [] };
const at = (what: string) => (passage: { state: string; stage: string | null }) =>
	what === (passage.stage ?? passage.state);
const machineOf = ({ obm }: AirlockBench) => obm.at('https://p/bmc/n1');

test('a node boots in the airlock, is attested, and is then on the networks of its tenant and on no other', async t => {
	const bench = await startAirlock(t);
	const { vlans, sets } = bench;
	const networks = [
		{ nic: 'eth0', network: 'rednet' },
		{ nic: 'eth1', network: 'rednet', channel: 'vlan/101' },
	];
	// Switches without that want a native network beside the tagged one.
	const { id } = await bench.ask({ networks });
	const waiting = await bench.until(at('evidence'), id);
	t.like(waiting, { state: 'passing', admission: waiting.admission, project: 'red', origin: null });
	t.deepEqual(bench.carried(), { native: vlans.airlock, tagged: [] });
	t.is(await bench.projectOf(), 'airlock');
	t.deepEqual(machineOf(bench).done, ['off', 'boot pxe', 'on']);
	t.like((await bench.attest.ok('GET', '/verifier/v1/admissions', undefined, 'alice')).admissions, [
		{ node: 'n1', state: 'waiting', project: 'red' },
	]);
	await bench.judge(waiting.admission);
	const inside = await bench.until(at('inside'), id);
	t.deepEqual(bench.carried(), { native: vlans.rednet, tagged: [] });
	t.deepEqual(bench.carried('gi1/1'), { native: null, tagged: [vlans.rednet] });
	t.is(await bench.projectOf(), 'red');
	t.deepEqual(
		inside.history.map(({ what }) => what),
		['take', 'power-off', 'airlock', 'boot-device', 'power-on', 'evidence', 'part', 'enter', 'inside'],
	);
	// Off the one before it is on the other.
	const carried = sets.filter(({ port }) => port === 'gi1/0').map(({ state }) => state.native);
	t.deepEqual(carried, [null, vlans.airlock, null, null, null, vlans.rednet]);
	await bench.done(id);
	t.like(bench.attest.published, [
		{ topic: `bimetal/attest/passages/${id}`, payload: { kind: 'inside', node: 'n1', project: 'red' } },
	]);
	t.like(await bench.properties(), { attested: true });
	t.is(((await bench.hil.ok('GET', '/v1/nodes?where=attested')) as { nodes: object[] }).nodes.length, 1);
});

test('a node is marked as uncleaned until it is attested by a policy that wants it erased', async t => {
	const file = { version: 1, pcrs: { 0: 'ab'.repeat(32) }, unchecked: {} as Record<string, string> };
	for (let pcr = 1; pcr < 8; pcr++) file.unchecked[pcr] = 'not the question here';
	for (const erased of [false, true]) {
		const policy = JSON.stringify({ ...file, erased });
		const bench = await startAirlock(t, { marksUncleaned: true, policy });
		const { id } = await bench.ask();
		const { admission } = await bench.until(at('evidence'), id);
		await bench.judge(admission);
		await bench.until(at('inside'), id);
		await bench.done(id);
		// It has left the airlock's project, of which hil knows no more than of any other.
		t.deepEqual(await bench.properties(), { attested: true, ...(!erased && { uncleaned: true }) });
	}
});

test('a node that is refused goes to the rejected pool, off, on no network, with the reason; out of it by an administrator', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask();
	await bench.judge((await bench.until(at('evidence'), id)).admission, refused);
	const over = await bench.until(at('rejected'), id);
	t.like(over, { code: 'PcrNotAllowed', reason: 'PCR 4 is another' });
	t.deepEqual(bench.carried(), nothing);
	t.false(bench.sets.some(({ state }) => state.native === bench.vlans.rednet));
	t.is(await bench.projectOf(), 'rejected');
	t.is(machineOf(bench).power, 'off');
	await bench.done(id);
	t.deepEqual(await bench.properties(), { rejected: 'PcrNotAllowed: PCR 4 is another' });
	await bench.attest.notifier.idle();
	t.like(bench.attest.published.at(-1), { payload: { kind: 'rejected', code: 'PcrNotAllowed' } });
	const again = { node: 'n1', project: 'red' };
	const call = (who: string) => bench.attest.call('POST', '/verifier/v1/passages', again, who);
	t.like(await call('alice'), { status: 403, body: { code: 'Forbidden' } });
	t.is((await call('root')).status, 201);
});

test('a node that is in is cut off in the moment in which it is attested no longer, and stays its project’s', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask();
	const { admission } = await bench.until(at('evidence'), id);
	await bench.judge(admission);
	await bench.until(at('inside'), id);
	await bench.done(id);
	// The tenant has put it on another network meanwhile: it comes off that as well.
	const more = { network: 'rednet', channel: 'vlan/101' };
	await bench.hil.ok('POST', '/v0/node/n1/nic/eth1/connect_network', more);
	await bench.hil.workers.idle();
	const { until, lease } = await bench.attest.ok(
		'GET',
		`/verifier/v1/admissions/${admission}`,
		undefined,
		'alice',
	);
	t.is(lease, 30_000);
	bench.attest.clock.advance(Number(until) - bench.attest.clock.now() - 1);
	await bench.mover.idle();
	t.is((await bench.show(id)).state, 'inside');
	const over = await bench.until(at('cut'), id);
	t.like(over, { code: 'Silent', endedAt: over.endedAt });
	t.true(Number(over.endedAt) - Number(until) < 5000, `${Number(over.endedAt) - Number(until)} ms`);
	t.deepEqual([bench.carried(), bench.carried('gi1/1')], [nothing, nothing]);
	t.is(await bench.projectOf(), 'red');
	await bench.done(id);
	t.like(await bench.properties(), { attested: false });
	// It can be brought in again, by whoever has it.
	t.like(await bench.ask(), { origin: 'red' });
});

test('revoked while it goes in: whether the switch has done it already or not, it is on no network in the end', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask();
	const { admission } = await bench.until(at('evidence'), id);
	const look = bench.tor.ports.set;
	let isRevoked = false;
	bench.tor.ports.set = (port, state) => {
		// In the very moment in which the switch puts it on the tenant's network.
		if (state.native === bench.vlans.rednet && !isRevoked) {
			isRevoked = true;
			void bench.judge(admission, refused);
		}
		return look(port, state);
	};
	await bench.judge(admission);
	const over = await bench.until(at('rejected'), id);
	t.true(isRevoked);
	t.like(over, { code: 'PcrNotAllowed' });
	t.deepEqual(bench.carried(), nothing);
	t.is(await bench.projectOf(), 'rejected');
});

test('while the switch is away nobody is let in; an admission that runs out meanwhile has the node go back, not rejected', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask();
	const { admission } = await bench.until(at('evidence'), id);
	bench.tor.trouble = { kind: 'away' };
	await bench.judge(admission);
	await bench.until(at('part'), id);
	bench.attest.clock.advance(30_000);
	await bench.until(at('returning'), id);
	t.deepEqual(bench.carried(), { native: bench.vlans.airlock, tagged: [] });
	bench.tor.trouble = undefined;
	t.like(await bench.until(at('returned'), id), { code: 'Silent' });
	t.deepEqual(bench.carried(), nothing);
	t.is(await bench.projectOf(), null);
	t.is(machineOf(bench).power, 'off');
	t.false(bench.sets.some(({ state }) => state.native === bench.vlans.rednet));
});

test('a switch that refuses the tenant’s network: nothing of it is done, and the node goes back', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask();
	const { admission } = await bench.until(at('evidence'), id);
	const set = bench.tor.ports.set;
	bench.tor.ports.set = (port, state) => {
		bench.tor.trouble =
			state.native === null && bench.sets.length > 2 ? { kind: 'refuses', reason: '% mirror' } : undefined;
		return set(port, state);
	};
	await bench.judge(admission);
	const over = await bench.until(at('returned'), id);
	t.is(over.code, 'ChangeUndone');
	t.regex(over.reason ?? '', /% mirror/);
	t.is(await bench.projectOf(), null);
	const { state } = await bench.attest.ok('GET', `/verifier/v1/admissions/${admission}`, undefined, 'alice');
	t.is(state, 'ended');
});

test('what cannot come to pass is told before the node boots, and what nobody may is refused at once', async t => {
	const bench = await startAirlock(t);
	const ask = (body: object, who = 'alice') =>
		bench.attest.call('POST', '/verifier/v1/passages', { node: 'n1', project: 'red', ...body }, who);
	t.like(await ask({ networks: [{ nic: 'eth0', network: 'bluenet' }] }), { status: 403 });
	t.like(await ask({ networks: [{ nic: 'eth7', network: 'rednet' }] }), { status: 404 });
	t.like(await ask({ node: 'n9' }), { status: 404, body: { code: 'NotThere' } });
	t.like(await ask({ project: 'blue' }), { status: 403 });
	t.like(await ask({ project: 'airlock' }, 'root'), { status: 403 });
	t.like(await ask({ policy: 'none such' }), { status: 404 });
	await bench.hil.ok('POST', '/v0/project/blue/connect_node', { node: 'n2' });
	t.like(await ask({ node: 'n2' }), { status: 404, body: { code: 'NotThere' } });
	await bench.hil.ok('PUT', '/v1/project/red/quota', { nodes: 1, networks: null });
	const first = await bench.ask();
	t.like(await ask({}), { status: 409, body: { code: 'NodeBusy' } });
	await bench.hil.ok('PUT', '/v0/node/n3', { obmd: { uri: 'https://p/bmc/n3', admin_token: '' } });
	await bench.hil.ok('PUT', '/v0/node/n3/nic/eth0', { macaddr: '' });
	t.like(await ask({ node: 'n3' }), { status: 429, body: { code: 'TooMany' } });
	await bench.attest.ok('POST', `/verifier/v1/passages/${first.id}/cancel`, {}, 'alice');
	await bench.until(at('returned'), first.id);
	machineOf(bench).done.length = 0;
	machineOf(bench).power = 'on';
	const wrong = await bench.ask({ networks: [{ nic: 'eth0', network: 'rednet', channel: 'vlan/7' }] });
	const over = await bench.until(at('returned'), wrong.id);
	t.regex(over.reason ?? '', /can be on vlan\/native or vlan\/101/);
	t.false(machineOf(bench).done.includes('on'));
});

test('cancelled, it goes back to whom it was from, with the end of its lease; so does one whose power nobody agrees to', async t => {
	const bench = await startAirlock(t);
	await bench.hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' });
	await bench.hil.ok('POST', '/v0/node/n1/nic/eth0/connect_network', { network: 'rednet' });
	const until = new Date(bench.hil.clock.now() + 3_600_000 * 24).toISOString();
	await bench.hil.ok('PUT', '/v1/node/n1/lease', { until });
	const first = await bench.ask();
	t.is(first.origin, 'red');
	await bench.until(at('evidence'), first.id);
	const cancel = (id: string, who = 'alice') =>
		bench.attest.call('POST', `/verifier/v1/passages/${id}/cancel`, {}, who);
	t.is((await cancel(first.id, 'bob')).status, 404);
	t.is((await cancel(first.id)).status, 200);
	t.like(await bench.until(at('returned'), first.id), { code: 'Cancelled', reason: 'by alice' });
	t.is(await bench.projectOf(), 'red');
	await bench.done(first.id);
	const leases = async () => ((await bench.hil.ok('GET', '/v1/project/red')) as { leases: object }).leases;
	t.deepEqual(await leases(), { n1: until });
	t.is((await cancel(first.id)).status, 409);

	machineOf(bench).mustWait = true;
	const second = await bench.ask();
	t.regex((await bench.until(({ waits }) => /CP/.test(waits ?? ''), second.id)).waits ?? '', /waits for CP/);
	bench.obm.decide('request-1', false);
	t.like(await bench.until(at('returned'), second.id), { code: 'NotApproved' });
	t.is(await bench.projectOf(), 'red');
	machineOf(bench).mustWait = false;
	const third = await bench.ask();
	const { admission } = await bench.until(at('evidence'), third.id);
	await bench.judge(admission);
	await bench.until(at('inside'), third.id);
	await bench.done(third.id);
	t.deepEqual(await leases(), { n1: until }, 'a passage makes no lease longer');
	t.like(await cancel(third.id), { status: 409, body: { code: 'PassageOver' } });
});

test('one that is not to be attested is off every network, off, and then the tenant’s; it says so', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask({ attestation: 'none' });
	t.like(await bench.until(at('inside'), id), { attestation: 'none', admission: null });
	t.deepEqual(machineOf(bench).done, ['off']);
	t.deepEqual(bench.carried(), { native: bench.vlans.rednet, tagged: [] });
	await bench.done(id);
	t.false('attested' in (await bench.properties()));
	// It leaves its project as hil has it leave: the passage is over, and nothing is done to whoever has it then.
	await bench.hil.ok('POST', '/v1/project/red/release_node', { node: 'n1' });
	await bench.hil.departures.idle();
	await bench.until(at('left'), id);
	t.is(await bench.projectOf(), null);
});

test('with a payload it is let in when it was given that; hil away keeps nothing from being done later', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask({ payload: true });
	const { admission } = await bench.until(at('evidence'), id);
	await bench.judge(admission);
	for (let looks = 0; looks < 5; looks++) {
		bench.attest.clock.advance(500);
		await bench.mover.idle();
	}
	t.is((await bench.show(id)).stage, 'evidence');
	const release = { t: 'AAAA', u: 'AAAA', payload: 'AAAA', v: 'sealed', releasedAt: 1, releasedBy: 'alice' };
	const give = (deliveredAt: number | null) =>
		bench.attest.store.transact(tx => tx.put(payloads, admission ?? '', { ...release, deliveredAt }));
	await give(null);
	bench.attest.clock.advance(500);
	await bench.mover.idle();
	t.is((await bench.show(id)).stage, 'evidence', 'released, and not delivered');
	await give(2);
	await bench.until(at('inside'), id);
	await bench.done(id);
	bench.away(true);
	await bench.judge(admission, refused);
	t.regex((await bench.until(({ trouble }) => trouble !== null, id)).trouble ?? '', /does not answer/);
	t.throws(() => bench.mover.check(), { message: /node n1 is not off its networks/ });
	t.deepEqual(bench.carried(), { native: bench.vlans.rednet, tagged: [] });
	for (let passed = 0; passed < 60; passed++) {
		bench.attest.clock.advance(1000);
		await bench.mover.idle();
	}
	t.is((await bench.show(id)).state, 'cutting');
	bench.away(false);
	await bench.until(at('cut'), id);
	t.notThrows(() => bench.mover.check());
	t.deepEqual(bench.carried(), nothing);
});

test('a refused node whose BMC is away is on no network and in the rejected pool; that is told all the same', async t => {
	const bench = await startAirlock(t);
	const { id } = await bench.ask();
	const { admission } = await bench.until(at('evidence'), id);
	machineOf(bench).isAway = true;
	await bench.judge(admission, refused);
	await bench.until(({ trouble }) => /BMC/.test(trouble ?? ''), id);
	t.deepEqual(bench.carried(), nothing);
	t.is(await bench.projectOf(), 'rejected');
	t.like(await bench.until(at('rejected'), id), { code: 'PcrNotAllowed' });
	await bench.done(id);
	t.like(bench.attest.published.at(-1), { payload: { kind: 'rejected' } });
});

test('with several networks each node in the airlock has one of its own; a third node waits for one', async t => {
	const bench = await startAirlock(t, { networks: ['airlock', 'second'] });
	await bench.hil.ok('PUT', '/v0/network/second', { owner: 'admin', access: 'airlock', net_id: '200' });
	await bench.hil.ok('PUT', '/v0/node/n3', { obmd: { uri: 'https://p/bmc/n3', admin_token: '' } });
	await bench.hil.ok('PUT', '/v0/node/n3/nic/eth0', { macaddr: '' });
	await bench.hil.ok('PUT', '/v0/switch/tor/port/gi3/0');
	await bench.hil.ok('POST', '/v0/switch/tor/port/gi3/0/connect_nic', { node: 'n3', nic: 'eth0' });
	const { id: first } = await bench.ask();
	const { id: second } = await bench.ask({ node: 'n2' });
	await bench.until(at('evidence'), first);
	await bench.until(at('evidence'), second);
	const natives = ['gi1/0', 'gi2/0'].map(port => bench.carried(port).native).sort();
	t.deepEqual(natives, [bench.vlans.airlock, 200]);
	const { id: third } = await bench.ask({ node: 'n3' });
	await bench.until(({ trouble }) => /waits for one/.test(trouble ?? ''), third);
	t.deepEqual(bench.carried('gi3/0'), nothing);
	await bench.judge((await bench.show(first)).admission);
	await bench.until(at('evidence'), third);
	t.like(bench.carried('gi3/0'), { tagged: [] });
	t.true([bench.vlans.airlock, 200].includes(bench.carried('gi3/0').native ?? 0));
	t.is((await bench.show(first)).state, 'inside');
});

test('whoever is refused is told whether the node meets the site’s own policy, which everybody may read', async t => {
	const bench = await startAirlock(t);
	const { attest } = bench;
	const path = '/verifier/v1/policies';
	t.is((await attest.call('GET', '/verifier/v1/standard/n1', undefined, 'bob')).status, 404);
	const unchecked = Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map(pcr => [pcr, 'not the question here']));
	const policy = { version: 1, pcrs: { 0: 'ab'.repeat(32) }, unchecked };
	await attest.ok('PUT', `${path}/airlock/default`, { policy }, 'root');
	t.like(await attest.ok('GET', '/verifier/v1/standard/n1', undefined, 'bob'), {
		project: 'airlock',
		policy,
	});

	const other = { ...policy, bank: 'sha384', pcrs: { 0: 'ab'.repeat(48) } };
	await attest.ok('PUT', `${path}/red/default`, { policy: other }, 'alice');
	const body = { node: 'n1', project: 'red', networks: [{ nic: 'eth0', network: 'rednet' }] };
	const misfit = await attest.call('POST', '/verifier/v1/passages', body, 'alice');
	t.is(misfit.body.code, 'PolicyRefused');
	t.regex(String(misfit.body.detail), /bank sha384.*sha256.*Write it for sha256/);

	// Set anew on the way, it comes to nothing, and nobody's evidence is to blame.
	const mine = { ...policy, pcrs: { 0: 'cd'.repeat(32) } };
	await attest.ok('PUT', `${path}/red/default`, { policy: mine }, 'alice');
	const turned = await bench.ask();
	await attest.ok('PUT', `${path}/red/default`, { policy: other }, 'alice');
	t.like(await bench.until(at('returned'), turned.id), { code: 'PolicyRefused', admission: null });

	await attest.ok('PUT', `${path}/red/default`, { policy: mine }, 'alice');
	const { id } = await bench.ask();
	const { admission } = await bench.until(at('evidence'), id);
	const standard = { verdict: 'met', reason: null } as const;
	await bench.judge(admission, { ...refused, standard });
	t.like(await bench.until(at('rejected'), id), { code: 'PcrNotAllowed', standard });
});
