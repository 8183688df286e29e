/**
 * An image as the emulated BMC takes it: a tar header, and bytes of one kind after it. `size` in bytes, 512 or more;
 * `fill` tells two of a size apart.
 */
export function testImage(size = 4096, fill = 0x5a): Buffer {
	const image = Buffer.alloc(size, fill);
	image.fill(0, 0, 512);
	image.write('MANIFEST', 0, 'latin1');
	image.write('0000644\0', 100, 'latin1');
	image.write('ustar\x0000', 257, 'latin1');
	image.write(' '.repeat(8), 148, 'latin1');
	const sum = image.subarray(0, 512).reduce((total, byte) => total + byte, 0);
	image.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
	return image;
}
