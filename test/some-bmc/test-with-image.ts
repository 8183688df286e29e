import test, { type ExecutionContext } from 'ava';
import { needsImage } from './openbmc-image.ts';

/** ava's `test.serial` where there is an image; else each test is skipped, visibly. */
export function testWithImage(
	image: string | undefined,
): (title: string, run: (t: ExecutionContext) => Promise<void>) => void {
	if (image !== undefined) return (title, run) => test.serial(title, run);
	return (title, run) => test.serial.skip(`${title} ${needsImage}`, run);
}
