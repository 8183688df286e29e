"""Speaks with hil as HIL's own client library and command line do: by a session of `requests` with a user's password,
bodies as json.dumps writes them and without a Content-Type, paths joined by slashes behind the endpoint.

Standard input and output: a line of JSON each way for each call.
  {"method", "parts", "body": object or null, "params": object or null, "quoted": bool, "bytes": int or null}
  {"status", "json": parsed or null, "text"}
`quoted`: parts are percent-encoded, slashes as well, as the commands for headnodes do. `bytes`: the answer is a stream,
of which so many bytes are read.
"""
import json
import sys
from urllib.parse import quote

import requests

order = json.loads(sys.stdin.readline())
session = requests.Session()
session.auth = (order['username'], order['password'])
for line in sys.stdin:
    call = json.loads(line)
    parts = [quote(part, '') for part in call['parts']] if call['quoted'] else call['parts']
    given = {}
    if call['body'] is not None:
        given['data'] = json.dumps(call['body'])
    if call['params'] is not None:
        given['params'] = call['params']
    if call['bytes'] is not None:
        given['stream'] = True
    answer = session.request(call['method'], order['endpoint'] + '/v0/' + '/'.join(parts), timeout=60, **given)
    if call['bytes'] is None:
        text = answer.text
    else:
        text = answer.raw.read(call['bytes']).decode()
        answer.close()
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    print(json.dumps({'status': answer.status_code, 'json': read, 'text': text}), flush=True)
