import { writeFile } from 'node:fs/promises';

/** test-sector.s, assembled; without the zeros at its end. */
const CODE = [
	'6wI/APoxwI7YjsCO0LwAfMcGCAAAfaMKALoCBrgAAe++KH3o5wCgAnzo6wC+Q33o2wC6AAbt9sQBdSm6/QPsqAF077r4A+w8cHQq',
	'PHJ0MDxjdDQ8c3Q4PGh0ITx3dDbotQDrzrgAAe++N33onwCAPgN8AHW9ugQGuAAg7/Tr/br5DLAG7uv1ugUFsAHu66P+BgN8650P',
	'ARZYfQ8gwAwBDyLAuwgAjuMk/g8iwLgCsbmrJbqGgDH2zRq4CrG/EADNGmYx/2aJz+gVAGaDxwToDgC4C7G/aACxAs0a+ulT/7CA',
	'6A8AsIboCgBkZ2bHBzIAAADDZon7ZoPj8GRniEMMw1BSVr5AfegEAF5aWM+shMB0FegCAOv2iMS6/QPsqCB0+Lr4A4jg7sMNCmJv',
	'b3RlZCBmcm9tIABidXR0b24NCgBubWkNCgBmkAAAAAAAAAAA//8AAACSzwAPAEh9',
].join('');
const SECTOR = 512;
const LABEL = 2;

/** A boot sector that says `booted from <label>` (one character) and takes commands; see test-sector.s. */
function testSector(label: string): Buffer {
	const sector = Buffer.alloc(SECTOR);
	Buffer.from(CODE, 'base64').copy(sector);
	sector.write(label, LABEL, 1, 'latin1');
	sector.writeUInt16LE(0xaa55, SECTOR - 2);
	return sector;
}

/** A raw disk that boots with it: 1 MiB, for SeaBIOS does not boot an AHCI disk of one sector. */
export async function writeTestDisk(file: string, label: string): Promise<void> {
	await writeFile(file, Buffer.concat([testSector(label), Buffer.alloc(1024 * 1024 - SECTOR)]));
}
