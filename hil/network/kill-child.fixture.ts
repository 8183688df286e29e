// Connects and detaches networks as fast as it can, until it is killed: `kill-child.fixture.ts STORE SWITCH-FILE`.
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { fileSwitchType } from './file-switch.fixture.ts';
import { createNetworkBench } from './network.fixture.ts';

const [file = '', switchFile = ''] = process.argv.slice(2);
const store = await openSqliteStore({ file });
const bench = await createNetworkBench({ nodes: 4, store, type: fileSwitchType(switchFile) });
await bench.workers.start();
await bench.workers.idle();
process.stdout.write('ready\n');
for (let round = 0; ; round++) {
	for (const node of ['n1', 'n2', 'n3', 'n4']) {
		const attached = await bench.attached(node);
		const network = round % 2 === 0 ? 'a' : 'b';
		const channel = network === 'a' ? 'vlan/native' : 'vlan/11';
		if (attached.includes(`${network} on ${channel}`)) await bench.detach(node, network);
		else await bench.connect(node, network, channel);
	}
	await bench.workers.idle();
}
