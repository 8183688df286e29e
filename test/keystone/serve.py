"""Serves Keystone's own WSGI application on a free port of 127.0.0.1, over TLS, until standard input ends.

Arguments: certificate file, key file. Keystone finds its configuration by OS_KEYSTONE_CONFIG_FILES.
Prints {"port": N} when it listens.
"""
import json
import os
import ssl
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

certificate, key = sys.argv[1:3]
sys.argv[1:] = []


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


class Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, *_args):
        pass


class Server(WSGIServer):
    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(10)
        return self.context.wrap_socket(connection, server_side=True), address


def main():
    threading.Thread(target=end_with_parent, daemon=True).start()
    from keystone.server.wsgi import initialize_public_application

    server = make_server('127.0.0.1', 0, initialize_public_application(), server_class=Server, handler_class=Quiet)
    server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.context.load_cert_chain(certificate, key)
    print(json.dumps({'port': server.server_port}), flush=True)
    server.serve_forever()


main()
