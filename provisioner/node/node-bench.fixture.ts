import type { ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { createHilClient } from '../../hil/client.ts';
import { startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { createMemoryNetwork } from '../boot/memory-network.fixture.ts';
import { startProvisioner } from '../provisioner.fixture.ts';
import { createMemoryStorage } from '../storage/memory-storage.fixture.ts';
import { createNodeAtHil } from './node-at-hil.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
export const bmc = (node: string): string => `https://p/bmc/${node}`;

/** Node n1 of project red, whose NIC is in a port of switch tor; a public network `boot` with VLAN 500. */
export async function startNodeBench(t: Pick<ExecutionContext, 'teardown'>, { watchesOwners = false } = {}) {
	const obm = createMemoryObm();
	const hil = await startHil(t, { obm });
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/network/boot', { owner: 'admin', access: '', net_id: '500' });
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	for (const index of [1, 2]) {
		const node = `n${index}`;
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: bmc(node), admin_token: '' } });
		await hil.ok('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: `02:00:00:00:00:0${index}` });
		await hil.ok('PUT', `/v0/switch/tor/port/gi1/0/${index}`);
		await hil.ok('POST', `/v0/switch/tor/port/gi1/0/${index}/connect_nic`, { node, nic: 'eth0' });
		await hil.ok('POST', '/v0/project/red/connect_node', { node });
		obm.at(bmc(node)).power = 'off';
	}
	const client = createHilClient({ url: hil.url, username: 'root', password: 'root' });
	t.teardown(() => client.close());
	const clock = new FakeClock();
	const nodes = createNodeAtHil({ hil: client, clock });
	const [store, storage, network] = [createMemoryStore(), createMemoryStorage(), createMemoryNetwork('boot')];
	const second = createMemoryNetwork('boot2');
	const given = { store, storage, network, otherNetworks: [second], nodes, watchesOwners };
	const provisioner = await startProvisioner(t, given);
	await provisioner.image('red', 'debian');
	const port = (index: number) =>
		hil.mocks.at('tor').ports.get(`gi1/0/${index}`) ?? { native: null, tagged: [] };
	/** Lets time pass for both, until an operation is over. */
	async function over(id: unknown, who?: string): Promise<Record<string, unknown>> {
		for (let turn = 0; turn < 400; turn++) {
			const found = await provisioner.ok('GET', `/v1/operations/${id}`, undefined, who);
			if (found.endedAt !== null) return found;
			await new Promise(resolve => setImmediate(resolve));
			provisioner.clock.advance(500);
			clock.advance(500);
		}
		throw new Error(`it goes on: ${JSON.stringify(await provisioner.ok('GET', `/v1/operations/${id}`))}`);
	}
	/** The machine comes to its disk as soon as it is served and on. */
	const comesUp = (of = network): void => {
		const { serve } = of.targets;
		Object.assign(of.targets, {
			async serve(spec: Parameters<typeof serve>[0]) {
				await serve(spec);
				of.loggedIn.set(spec.iqn, [{ initiator: spec.initiator, addresses: [...spec.addresses] }]);
			},
		});
	};
	/** Lets time pass for all of them, until the returned function is called. */
	function letTimePass(): () => void {
		const moving = setInterval(() => {
			for (const each of [provisioner.clock, clock, hil.clock]) each.advance(500);
		}, 5);
		return () => clearInterval(moving);
	}
	return { hil, obm, nodes, provisioner, network, second, storage, store, port, over, comesUp, letTimePass };
}
