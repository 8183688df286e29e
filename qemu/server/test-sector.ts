import { writeFile } from 'node:fs/promises';

/** test-sector.s, assembled; without the zeros at its end. */
const CODE = [
	'6wI/APoxwI7YjsCO0LwAfMcGCAACfaMKALoCBrgAAe++Kn3o6QCgAnzo7QC+RX3o3QC6AAbt9sQBdSm6/QPsqAF077r4A+w8cHQq',
	'PHJ0MDxjdDQ8c3Q4PGh0ITx3dDbotwDrzrgAAe++OX3ooQCAPgN8AHW9ugQGuAAg7/Tr/br5DLAG7uv1ugUFsAHu66P+BgN86524',
	'ArG5qyW6hoAx9s0auAqxvxAAzRpmMf9mic9TDwEWWH0PIMAMAQ8iwLsIAI7jJP4PIsDoFgBmg8cE6A8AW7gLsb9oALECzRr66VH/',
	'sIDoDwCwhugKAGRnZscHMgAAAMNmiftmg+PwZGeIQwzDUFJWvkJ96AQAXlpYz6yEwHQV6AIA6/aIxLr9A+yoIHT4uvgDiODuww0K',
	'Ym9vdGVkIGZyb20gAGJ1dHRvbg0KAG5taQ0KAAAAAAAAAAAA//8AAACSzwAPAEh9',
].join('');
const SECTOR = 512;
const LABEL = 2;

/** A boot sector that says `booted from <label>` (one character) and takes commands; see test-sector.s. */
export function testSector(label: string): Buffer {
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
