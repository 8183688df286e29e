/**
 * Gives the memory of a buffer back at once. Left to the collector, dead buffers of an upload pile up to 64 MiB: V8
 * counts what lies outside its heap only roughly, and each is one small object to it. Nobody may use `bytes` any more:
 * it is empty from here on, so that whoever does loses bytes, and never gets others.
 */
export function release(bytes: Uint8Array): void {
	const { buffer } = bytes;
	// A part of something larger has others beside it. Node 20 knows no transfer, and leaves it to the collector.
	if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength && 'transfer' in buffer)
		buffer.transfer(0);
}
