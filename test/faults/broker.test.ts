// The broker is away for a while: what policies read over it goes stale and denies, and comes back by itself.
import test from 'ava';
import { FakeClock, systemClock } from '../../common/clock.ts';
import { startBroker } from '../../common/events/broker.ts';
import { connectEvents } from '../../common/events/bus.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { externalSources } from '../../proxy/external/external-source.ts';
import { createExternalSources } from '../../proxy/external/external-sources.ts';

const topic = 'bimetal/pdu/outlets/1';
const users = [
	{ name: 'pdu', password: 'the-PDUs-password', publish: ['bimetal/pdu/#'], subscribe: [] },
	{ name: 'proxy', password: 'the-proxys-password', publish: [], subscribe: ['bimetal/#'] },
];

test('an External source is denied while its broker is away for longer than its age, and fresh again after', async t => {
	t.timeout(60_000);
	const clock = new FakeClock();
	let broker = await startBroker({ host: '127.0.0.1', port: 0, users });
	t.teardown(() => broker.close());
	const join = (username: string, password: string) => {
		const bus = connectEvents({
			url: broker.url,
			username,
			password,
			logger: silentLogger,
			clock: systemClock,
		});
		t.teardown(() => bus.close());
		return bus;
	};
	const [pdu, proxy] = users.map(({ name, password }) => join(name, password));
	if (!pdu || !proxy) throw new Error('nobody');
	const external = createExternalSources({
		sources: externalSources('.').parse({
			PDU: {
				from: 'mqtt',
				topic,
				fields: { Power: { path: '$.PowerWatts', type: 'number' } },
				maxAge: '10s',
			},
		}),
		targets: ['node1'],
		fetchRedfish: () => Promise.reject(new Error('no BMC')),
		events: proxy,
		clock,
		logger: silentLogger,
	});
	t.teardown(() => external.close());
	const statusOf = async () => (await external.read(['PDU'])).PDU?.status;
	/** Publishes until it has arrived. */
	const publish = async (watts: number) => {
		await Promise.all([pdu.ready(), proxy.ready()]);
		// As a PDU does: again and again, since nobody hears what is said before the subscription is granted.
		for (let n = 0; n < 200 && (await statusOf()) !== 'fresh'; n++) {
			await pdu.publish(topic, { PowerWatts: watts });
			for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
		}
	};
	await publish(100);
	t.is(await statusOf(), 'fresh');

	const { port } = broker;
	await broker.close();
	while (proxy.connected() || pdu.connected()) await new Promise(setImmediate);
	clock.jump(-3_600_000);
	clock.advance(10_001);
	t.not(await statusOf(), 'fresh', 'setting the clock back does not keep it fresh');
	clock.jump(3_600_000);
	broker = await startBroker({ host: '127.0.0.1', port, users });
	await publish(120);
	t.is(await statusOf(), 'fresh');
});
