import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../common/clock.ts';
import type { ReverseProxyReady } from '../harness/reverse-proxy.ts';
import { serve } from '../harness/serve.ts';

export interface NginxOptions {
	readonly ca: string;
	readonly key: string;
	readonly cert: string;
	readonly role:
		| {
				/** Answers every GET with `body`, and log-ins with a session: as little work as an origin can have. */
				readonly kind: 'origin';
				readonly body: string;
		  }
		| {
				/** A reverse proxy that checks nothing. */
				readonly kind: 'proxy';
				readonly target: string;
				readonly connections: number;
				/** With it, each request is allowed by an authorizer in Node that knows this one token (auth_request). */
				readonly authorizedToken?: string;
		  };
}

// Debian's nginx, one worker, everything it writes in a folder of its own.
await serve(async ({ ca, key, cert, role }: NginxOptions) => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-nginx-'));
	const write = (name: string, text: string) => writeFile(path.join(folder, name), text, { mode: 0o600 });
	await Promise.all([write('ca.pem', ca), write('key.pem', key), write('cert.pem', cert)]);
	const authorizer =
		role.kind === 'proxy' && role.authorizedToken !== undefined
			? await startAuthorizer(path.join(folder, 'authorizer'), role.authorizedToken)
			: undefined;
	const port = await freePort();
	const locations =
		role.kind === 'origin' ? originOf(role.body) : proxyTo(folder, role, authorizer !== undefined);
	await write('nginx.conf', configuration({ folder, port, ...locations }));
	const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
		stdio: ['ignore', 'ignore', 'inherit'],
	});
	await listening(nginx, port);
	// Without an authorizer this process has no part in the work.
	const ready: ReverseProxyReady & { pid?: number } = {
		...(!authorizer && nginx.pid !== undefined && { pid: nginx.pid }),
		url: `https://127.0.0.1:${port}`,
	};
	return {
		ready,
		async close() {
			const ended = once(nginx, 'exit');
			nginx.kill('SIGTERM');
			await ended;
			authorizer?.close();
			authorizer?.closeAllConnections();
			await rm(folder, { recursive: true });
		},
	};
});

interface Locations {
	readonly upstreams: string;
	readonly locations: string;
}

function configuration({
	folder,
	port,
	upstreams,
	locations,
}: Locations & { folder: string; port: number }): string {
	return `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 4096; }
http {
	access_log off;
	client_body_temp_path ${folder}/body;
	proxy_temp_path ${folder}/proxy;
	fastcgi_temp_path ${folder}/fastcgi;
	uwsgi_temp_path ${folder}/uwsgi;
	scgi_temp_path ${folder}/scgi;
	keepalive_requests 100000000;
	keepalive_timeout 120s;
	${upstreams}
	server {
		listen 127.0.0.1:${port} ssl backlog=4096;
		ssl_certificate cert.pem;
		ssl_certificate_key key.pem;
		ssl_protocols TLSv1.3;
		${locations}
	}
}
`;
}

function originOf(body: string): Locations {
	return {
		upstreams: '',
		locations: `
		location = /redfish/v1/SessionService/Sessions {
			default_type application/json;
			add_header X-Auth-Token ${'t'.repeat(20)} always;
			add_header Location /redfish/v1/SessionService/Sessions/1 always;
			return 201 '{}';
		}
		location / {
			default_type application/json;
			add_header OData-Version 4.0;
			add_header Allow 'GET, HEAD';
			add_header Cache-Control 'no-store';
			return 200 '${body.replaceAll(/[\\']/g, '\\$&').replaceAll('$', '')}';
		}`,
	};
}

function proxyTo(
	folder: string,
	role: NginxOptions['role'] & { kind: 'proxy' },
	isAuthorized: boolean,
): Locations {
	const keepAlive = `
			proxy_http_version 1.1;
			proxy_set_header Connection "";`;
	return {
		upstreams: `
	upstream bmc { server ${new URL(role.target).host}; keepalive ${role.connections}; keepalive_requests 100000000; }
	upstream authorizer { server unix:${folder}/authorizer; keepalive ${role.connections}; keepalive_requests 100000000; }`,
		locations: `
		location / {
			${isAuthorized ? 'auth_request /authorize;' : ''}
			proxy_pass https://bmc;
			proxy_ssl_trusted_certificate ca.pem;
			proxy_ssl_verify on;
			proxy_ssl_name localhost;
			proxy_ssl_protocols TLSv1.3;${keepAlive}
		}
		location = /authorize {
			internal;
			proxy_pass http://authorizer;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header X-Original-URI $request_uri;${keepAlive}
		}`,
	};
}

/** As small as one can be: the token is known and the path is one of Redfish. */
async function startAuthorizer(socket: string, token: string): Promise<http.Server> {
	const tokens = new Set([token]);
	const server = http.createServer((request, response) => {
		const isKnown = tokens.has(String(request.headers['x-auth-token']));
		const isRedfish = String(request.headers['x-original-uri']).startsWith('/redfish/v1/');
		response.writeHead(isKnown && isRedfish ? 204 : 403).end();
	});
	server.keepAliveTimeout = 0;
	server.listen(socket);
	await once(server, 'listening');
	return server;
}

/** nginx cannot choose a port and say which it was. */
async function freePort(): Promise<number> {
	const probe = createServer().listen(0, '127.0.0.1');
	await once(probe, 'listening');
	const address = probe.address();
	probe.close();
	await once(probe, 'close');
	if (address === null || typeof address === 'string') throw new Error('no port');
	return address.port;
}

async function listening(nginx: ChildProcess, port: number): Promise<void> {
	for (;;) {
		if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`);
		const answers = await fetch(`http://127.0.0.1:${port}/`).then(
			({ status }) => status === 400, // plain HTTP on a TLS port
			() => false,
		);
		if (answers) return;
		await new Promise<void>(resolve => systemClock.after(20, resolve));
	}
}
