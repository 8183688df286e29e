import test from 'ava';
import fc from 'fast-check';
import { networkKeys } from './pair-keys.ts';

const name = fc.stringMatching(/^[a-z0-9]{1,8}$/);

test('two nodes are given the same key for each other, and no other pair has it', t => {
	fc.assert(
		fc.property(
			fc.uint8Array({ minLength: 32, maxLength: 64 }),
			fc.uniqueArray(name, { minLength: 2, maxLength: 6 }),
			(secret, names) => {
				const nodes = names.map((each, index) => ({ name: each, address: `10.1.0.${index}` }));
				const given = new Map<string, string>();
				for (const self of nodes) {
					const others = nodes.filter(node => node !== self);
					for (const peer of networkKeys(secret, self, others).peers) {
						const pair = [self.name, peer.name].sort().join(' ');
						t.is(given.get(pair) ?? peer.key, peer.key);
						given.set(pair, peer.key);
						t.regex(peer.key, /^[0-9a-f]{64}$/);
					}
				}
				t.is(new Set(given.values()).size, (nodes.length * (nodes.length - 1)) / 2);
			},
		),
		{ numRuns: 50 },
	);
});

test('another secret makes other keys', t => {
	const keyOf = (secret: Buffer) =>
		networkKeys(secret, { name: 'n1', address: '10.1.0.1' }, [{ name: 'n2', address: '10.1.0.2' }]).peers[0]
			?.key;
	t.not(keyOf(Buffer.alloc(32, 1)), keyOf(Buffer.alloc(32, 2)));
});
