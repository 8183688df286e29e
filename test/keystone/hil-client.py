"""Calls hil as HIL's own client library does with a Keystone session: keystoneauth1's v3 password plug-in, and its
session's request() for every call, whose HttpError carries the answer.

Standard input: {"environment": {"OS_AUTH_URL": ..., ...}, "ca": FILE, "calls": [[method, url, body or null], ...]}
Standard output: [[status, text], ...]
"""
import json
import sys

from keystoneauth1 import session
from keystoneauth1.exceptions.http import HttpError
from keystoneauth1.identity import v3

order = json.load(sys.stdin)
given = order['environment']
auth = v3.Password(
    auth_url=given['OS_AUTH_URL'],
    username=given['OS_USERNAME'],
    password=given['OS_PASSWORD'],
    project_name=given['OS_PROJECT_NAME'],
    user_domain_id=given.get('OS_USER_DOMAIN_ID') or 'default',
    project_domain_id=given.get('OS_PROJECT_DOMAIN_ID') or 'default',
)
seen = []
client = session.Session(auth=auth, verify=order['ca'])
for method, url, body in order['calls']:
    try:
        answer = client.request(method=method, url=url, data=body, params=None)
    except HttpError as refused:
        answer = refused.response
    seen.append([answer.status_code, answer.text])
json.dump(seen, sys.stdout)
