import { once } from 'node:events';
import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { nodes } from '../model/node.ts';
import { createConsoles } from './consoles.ts';
import { createMemoryObm } from './memory-obm.fixture.ts';

test('when the service ends, so do its readers, and those who come too late at once', async t => {
	const store = createMemoryStore();
	const obmUri = 'https://p/bmc/n1';
	await store.transact(tx =>
		tx.insert(nodes, 'n1', {
			label: 'n1',
			project: null,
			obmUri,
			obmEnabled: true,
			leaving: false,
			leaseEnd: null,
		}),
	);
	const obm = {
		...createMemoryObm(),
		openConsole: async (_uri: string, signal: AbortSignal) => ({
			kind: 'open' as const,
			output: (async function* () {
				yield Buffer.from('login: ');
				if (!signal.aborted) await once(signal, 'abort');
			})(),
		}),
	};
	const consoles = createConsoles({ store, obm });
	const read = async () => {
		const opened = await consoles.open({ id: 'x', node: 'n1', type: 'console', uri: obmUri, project: null });
		if (opened.kind !== 'open') throw new Error(opened.kind);
		let text = '';
		for await (const piece of opened.output) {
			text += Buffer.from(piece).toString();
			consoles.close();
		}
		return text;
	};
	t.is(await read(), 'login: ');
	t.is(await read(), 'login: ');
});
