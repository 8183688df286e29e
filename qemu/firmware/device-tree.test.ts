import test from 'ava';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { withChosen } from './device-tree.ts';

const words = (...values: number[]) => {
	const bytes = Buffer.alloc(values.length * 4);
	for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
	return bytes;
};
const name = (text: string) => {
	const bytes = Buffer.from(`${text}\0`);
	return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
};

/** `/ { model = "m"; <node> { stdout-path = "s4"; }; cpus { }; };` as dtc lays it out. */
function tree(node: string): Buffer {
	const strings = Buffer.from('model\0stdout-path\0');
	const structure = Buffer.concat([
		...[words(1), name(''), words(3, 2, 0), name('m')],
		...[words(1), name(node), words(3, 3, 6), name('s4'), words(2)],
		...[words(1), name('cpus'), words(2)],
		words(2, 9),
	]);
	const at = 40 + 16;
	const end = at + structure.length;
	const total = end + strings.length;
	const head = words(0xd00dfeed, total, at, end, 40, 17, 16, 0, strings.length, structure.length);
	return Buffer.concat([head, words(0, 0, 0, 0), structure, strings]);
}

/** The nodes with their properties as text, read by the format's rules from the header on. */
function read(bytes: Buffer): Record<string, Record<string, string>> {
	const [, total, structureAt = 0, stringsAt = 0] = [0, 4, 8, 12].map(at => bytes.readUInt32BE(at));
	if (total !== bytes.length) throw new Error('the size in the header is another');
	const nodes: Record<string, Record<string, string>> = {};
	const path: string[] = [];
	const textAt = (at: number) => bytes.toString('latin1', at, bytes.indexOf(0, at));
	for (let at = structureAt; bytes.readUInt32BE(at) !== 9; ) {
		const kind = bytes.readUInt32BE(at);
		at += 4;
		if (kind === 1) {
			const node = textAt(at);
			path.push(node);
			nodes[path.join('/')] = {};
			at += (node.length + 4) & ~3;
		} else if (kind === 2) path.pop();
		else if (kind === 3) {
			const length = bytes.readUInt32BE(at);
			const node = nodes[path.join('/')] ?? {};
			node[textAt(stringsAt + bytes.readUInt32BE(at + 4))] = bytes.toString(
				'latin1',
				at + 8,
				at + 8 + length,
			);
			at += 8 + ((length + 3) & ~3);
		} else throw new Error(`token ${kind}`);
	}
	return nodes;
}

test('what speaks to the kernel is added to /chosen, and nothing else is another', t => {
	const changed = withChosen(tree('chosen'), { bootargs: 'quiet', 'rng-seed': Buffer.from('abcde') });
	t.deepEqual(read(changed), {
		'': { model: 'm\0' },
		'/chosen': { bootargs: 'quiet\0', 'rng-seed': 'abcde', 'stdout-path': 's4\0' },
		'/cpus': {},
	});
	t.deepEqual([...changed.subarray(40, 56)], new Array(16).fill(0), 'the memory that is kept free stays');
});

test('a property that is there is replaced, also of a tree that was changed before', t => {
	const once = withChosen(tree('chosen'), { 'stdout-path': 'serial0', bootargs: 'a' });
	const twice = withChosen(once, { bootargs: 'longer than before' });
	t.deepEqual(read(twice)['/chosen'], { 'stdout-path': 'serial0\0', bootargs: 'longer than before\0' });
});

test('what is no device tree, or has no /chosen, is refused', t => {
	for (const bytes of [Buffer.alloc(0), Buffer.alloc(100), tree('chooser')]) {
		const fault = t.throws(() => withChosen(bytes, {}), { instanceOf: BimetalError });
		t.is(fault.code, 'FirmwareNotBuilt');
	}
});
