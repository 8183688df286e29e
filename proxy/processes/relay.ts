import {
	type IncomingMessage as HomeAnswer,
	request as httpRequest,
	type IncomingMessage,
	type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { endAfterBody } from '../listener/linger.ts';
import { writeGoAhead } from '../listener/read-body.ts';
import { renderPreamble } from './preamble.ts';

/** Hands requests over to home, in the very words of their client, and home's answers back. Never throws. */
export interface Relay {
	request(request: IncomingMessage, response: ServerResponse, door: string): void;
	/** A request whose connection is no longer HTTP: Upgrade or CONNECT, with what came after its head. */
	connection(request: IncomingMessage, socket: Socket, rest: Buffer, door: string): void;
	/** Sockets of requests that are being handed over: home keeps their time. */
	readonly patient: Pick<WeakSet<Socket>, 'has'>;
}

export function createRelay({ path }: { readonly path: string }): Relay {
	const patient = new WeakSet<Socket>();
	return {
		patient,
		request(request, response, door) {
			const { socket } = request;
			patient.add(socket);
			response.once('close', () => patient.delete(socket));
			relayRequest(path, request, response, door);
		},
		connection(request, client, rest, door) {
			const home = connect(path);
			home.write(renderPreamble(door, client as TLSSocket));
			home.write(renderHead(request));
			home.write(rest);
			for (const [from, to] of [
				[client, home],
				[home, client],
			] as const) {
				from.pipe(to);
				from.on('error', () => to.destroy());
				from.once('close', () => to.destroy());
			}
		},
	};
}

function relayRequest(path: string, request: IncomingMessage, response: ServerResponse, door: string): void {
	const home = connect(path);
	const asked = httpRequest({ method: request.method, createConnection: () => answersOf(home) }, answer =>
		passOn(answer, request, response),
	);
	asked.on('continue', () => writeGoAhead(response));
	// Home is gone, or broke off: so does the answer. What was executed, home's log says.
	asked.on('error', () => response.destroy());
	response.once('close', () => home.destroy());
	asked.end();

	home.write(renderPreamble(door, request.socket as TLSSocket));
	home.write(renderHead(request));
	sendBody(request, home);
}

/** Bytes and milliseconds for a body that home did not want: at most what it takes of an upload. */
const lingering = { bytes: 64 * 1024 * 1024, time: 10_000 };

function passOn(answer: HomeAnswer, request: IncomingMessage, response: ServerResponse): void {
	response.sendDate = false;
	response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
	answer.on('error', () => response.destroy());
	answer.pipe(response, { end: false });
	answer.on('end', () => {
		if (request.complete) response.end();
		else endAfterBody(request, response, lingering);
	});
}

/** A socket of which only the reading half is used: node:http reads the answer, while the request is written by us. */
function answersOf(home: Socket): Duplex {
	const answers = new Duplex({
		read: () => home.resume(),
		write: (_chunk, _encoding, done) => done(),
		destroy(fault, done) {
			home.destroy();
			done(fault);
		},
	});
	home.on('data', chunk => {
		if (!answers.push(chunk)) home.pause();
	});
	home.on('end', () => answers.push(null));
	home.on('error', fault => answers.destroy(fault));
	home.on('close', () => answers.destroy());
	return answers;
}

/** As it came, byte for byte (the parser leaves out white space around values). */
function renderHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
	let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
	for (let i = 0; i < rawHeaders.length; i += 2) head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
	return Buffer.from(`${head}\r\n`, 'latin1');
}

/** In the framing in which it came, so that home decides on what the client said of it. */
function sendBody(request: IncomingMessage, home: Socket): void {
	const chunked = request.headers['transfer-encoding'] !== undefined;
	request.on('data', (chunk: Buffer) => {
		if (chunked) home.write(`${chunk.length.toString(16)}\r\n`);
		let room = home.write(chunk);
		if (chunked) room = home.write('\r\n');
		if (!room && !home.destroyed) request.pause();
	});
	home.on('drain', () => request.resume());
	// Home may have answered without having read it all.
	home.on('close', () => request.resume());
	request.on('end', () => {
		if (chunked) home.write('0\r\n\r\n');
	});
	request.on('error', () => home.destroy());
}

/** Without what is about the connection to home alone (RFC 9110 §7.6.1), save that home wants it closed. */
function endToEnd(rawHeaders: readonly string[]): string[] {
	const kept: string[] = [];
	for (let i = 0; i < rawHeaders.length; i += 2) {
		const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
		const folded = name.toLowerCase();
		if (folded === 'transfer-encoding' || folded === 'keep-alive') continue;
		if (folded === 'connection' && value.toLowerCase() !== 'close') continue;
		kept.push(name, value);
	}
	return kept;
}
