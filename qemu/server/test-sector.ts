import { writeFile } from 'node:fs/promises';

/** test-sector.s, assembled; without the zeros at its end. */
const CODE = [
	'6wI/APoxwI7YjsCO0LwAfMcGCAANfaMKALoCBrgAAe++NX3o9ACgAnzo+AC+UH3o6AC6AAbt9sQBdS26/QPsqAF077r4A+w8cHQu',
	'PHJ0NDxjdDg8c3RDPGZ0ODxodCE8d3Q96L4A68q4AAHvvkR96KgAgD4DfAB1uboEBrgAIO/06/26+QywBu7r9boFBbAB7uufsGbo',
	'jADr+f4GA3zrkrgCsbmrJbqGgDH2zRq4CrG/EADNGmYx/2aJz1MPARZkfQ8gwAwBDyLAuwgAjuMk/g8iwOgWAGaDxwToDwBbuAux',
	'v2gAsQLNGvrpRv+wgOgPALCG6AoAZGdmxwcyAAAAw2aJ+2aD4/BkZ4hDDMNQUla+TX3oBABeWljPrITAdBXoAgDr9ojEuv0D7Kgg',
	'dPi6+AOI4O7DDQpib290ZWQgZnJvbSAAYnV0dG9uDQoAbm1pDQoAkAAAAAAAAAAA//8AAACSzwAPAFR9',
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
