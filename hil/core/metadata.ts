import type { Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { checkLabel } from '../model/label.ts';
import { metadata, metadatumId, nodes } from '../model/node.ts';
import { mustFind } from './find.ts';

interface OfMetadatum {
	readonly node: string;
	readonly label: string;
}

/** In bytes of JSON. */
const longestValue = 64 * 1024;

/** Sets it anew, or another value. */
export async function setMetadata(
	tx: Transaction,
	{ node, label, value }: OfMetadatum & { readonly value?: unknown },
): Promise<void> {
	await mustFind(tx, nodes, node, `node ${node}`);
	checkLabel('piece of metadata', label);
	const text = JSON.stringify(value ?? null);
	if (Buffer.byteLength(text) > longestValue) {
		throw hilErrors.BadArgumentError(`The value of ${label} is longer than ${longestValue} bytes.`);
	}
	await tx.put(metadata, metadatumId(node, label), { node, label, value: text });
}

export async function deleteMetadata(tx: Transaction, { node, label }: OfMetadatum): Promise<void> {
	await mustFind(tx, nodes, node, `node ${node}`);
	const id = metadatumId(node, label);
	await mustFind(tx, metadata, id, `metadata ${label} on node ${node}`);
	await tx.delete(metadata, id);
}
