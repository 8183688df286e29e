import { BimetalError } from '../../common/errors/bimetal-error.ts';

/** Devicetree Specification 0.4, chapter 5: the flattened format, big-endian. */
const magic = 0xd00dfeed;
const token = { beginNode: 1, endNode: 2, property: 3, nothing: 4, end: 9 };
const header = { totalSize: 4, structure: 8, strings: 12, stringsSize: 32, structureSize: 36 };

/**
 * A device tree with properties of its `/chosen` node set, by which what loads a kernel speaks to it. A property of the
 * name that is there already is replaced. Throws FirmwareNotBuilt when it is no device tree with such a node.
 */
export function withChosen(tree: Buffer, properties: Readonly<Record<string, Buffer | string>>): Buffer {
	if (tree.length < 40 || tree.readUInt32BE(0) !== magic) throw broken('this is no device tree');
	const structureAt = tree.readUInt32BE(header.structure);
	const stringsAt = tree.readUInt32BE(header.strings);
	const structure = tree.subarray(structureAt, structureAt + tree.readUInt32BE(header.structureSize));
	const strings = tree.subarray(stringsAt, stringsAt + tree.readUInt32BE(header.stringsSize));
	const { from, to } = findChosen(structure);
	const names: Buffer[] = [];
	let namesSize = strings.length;
	const added = Object.entries(properties).flatMap(([name, value]) => {
		const content = typeof value === 'string' ? Buffer.from(`${value}\0`) : value;
		const nameAt = namesSize;
		names.push(Buffer.from(`${name}\0`));
		namesSize += name.length + 1;
		return [words(token.property, content.length, nameAt), padded(content)];
	});
	const kept = propertiesOf(structure, from, to)
		.filter(({ nameAt }) => {
			const name = strings.toString('latin1', nameAt, strings.indexOf(0, nameAt));
			return !Object.hasOwn(properties, name);
		})
		.map(({ at, end }) => structure.subarray(at, end));
	const newStructure = Buffer.concat([
		structure.subarray(0, from),
		...added,
		...kept,
		structure.subarray(to),
	]);
	const newStrings = Buffer.concat([strings, ...names]);
	// Strings come last in what dtc writes, but need not: both blocks move behind what there is.
	const head = Buffer.from(tree.subarray(0, Math.min(structureAt, stringsAt)));
	head.writeUInt32BE(head.length, header.structure);
	head.writeUInt32BE(newStructure.length, header.structureSize);
	head.writeUInt32BE(head.length + newStructure.length, header.strings);
	head.writeUInt32BE(newStrings.length, header.stringsSize);
	head.writeUInt32BE(head.length + newStructure.length + newStrings.length, header.totalSize);
	return Buffer.concat([head, newStructure, newStrings]);
}

/** Where the properties of /chosen are in the structure block: from the end of its name to its first child or end. */
function findChosen(structure: Buffer): { from: number; to: number } {
	let depth = 0;
	let from: number | undefined;
	for (let at = 0; at < structure.length; ) {
		const kind = structure.readUInt32BE(at);
		if (from !== undefined && (kind === token.beginNode || kind === token.endNode)) return { from, to: at };
		switch (kind) {
			case token.beginNode: {
				const name = structure.toString('latin1', at + 4, structure.indexOf(0, at + 4));
				at += 4 + aligned(name.length + 1);
				depth++;
				if (depth === 2 && name === 'chosen') from = at;
				break;
			}
			case token.endNode:
				depth--;
				at += 4;
				break;
			case token.property:
				at += 12 + aligned(structure.readUInt32BE(at + 4));
				break;
			case token.nothing:
				at += 4;
				break;
			case token.end:
				throw broken('this device tree has no node /chosen');
			default:
				throw broken(`this device tree is broken at ${at}`);
		}
	}
	throw broken('this device tree has no end');
}

function propertiesOf(
	structure: Buffer,
	from: number,
	to: number,
): { at: number; end: number; nameAt: number }[] {
	const found: { at: number; end: number; nameAt: number }[] = [];
	for (let at = from; at < to; ) {
		if (structure.readUInt32BE(at) === token.nothing) {
			at += 4;
			continue;
		}
		const end = at + 12 + aligned(structure.readUInt32BE(at + 4));
		found.push({ at, end, nameAt: structure.readUInt32BE(at + 8) });
		at = end;
	}
	return found;
}

const aligned = (length: number): number => (length + 3) & ~3;
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

function words(...values: readonly number[]): Buffer {
	const bytes = Buffer.alloc(values.length * 4);
	for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
	return bytes;
}

const broken = (message: string): BimetalError =>
	new BimetalError('FirmwareNotBuilt', message, { expose: true });
