import { explainListenError } from '../../common/http/listen-error.ts';

/** Says which port is taken, and what to do. */
export async function listening<T>(host: string, port: number, start: Promise<T>): Promise<T> {
	try {
		return await start;
	} catch (fault) {
		const isOfListening = (fault as Partial<NodeJS.ErrnoException>).syscall === 'listen';
		throw isOfListening ? explainListenError(fault as NodeJS.ErrnoException, host, port) : fault;
	}
}
