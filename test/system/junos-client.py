# Debian's ncclient, unmodified, doing to a Junos switch what a JSON document on standard input says, in two sessions.
# Prints what it saw as a JSON document.
import json
import sys

from lxml import etree
from ncclient import manager
from ncclient.operations.rpc import RPCError

order = json.load(sys.stdin)


def connect():
    return manager.connect(
        host='127.0.0.1', port=order['port'], username=order['username'], password=order['password'],
        hostkey_b64=order['hostkey'], allow_agent=False, look_for_keys=False, timeout=30,
        device_params={'name': order['handler']})


def tried(work, *arguments, **named):
    """What came of it: 'ok', or what the switch has against it."""
    try:
        work(*arguments, **named)
        return 'ok'
    except RPCError as error:
        # Of several errors ncclient makes one, without tag and severity.
        return {
            'tag': getattr(error, '_tag', None),
            'severity': getattr(error, '_severity', None),
            'message': str(error).strip()}


def text(reply):
    """As XML, whatever ncclient makes of replies for this device."""
    return getattr(reply, 'data_xml', None) or str(reply)


def config(inside):
    return '<config><configuration>' + inside + '</configuration></config>'


seen = {}
first, second = connect(), connect()
seen['sessions'] = [first.session_id, second.session_id]
seen['capabilities'] = sorted(first.server_capabilities)
for name, step, *arguments in order['steps']:
    session = second if name.startswith('other ') else first
    if step == 'edit':
        seen[name] = tried(session.edit_config, target='candidate', config=config(arguments[0]))
    elif step in ('lock', 'unlock'):
        seen[name] = tried(getattr(session, step), target='candidate')
    elif step in ('commit', 'discard_changes', 'validate', 'rollback'):
        seen[name] = tried(getattr(session, step))
    elif step == 'show':
        seen[name] = text(session.get_config(
            source=arguments[0], filter=('subtree', '<configuration>' + arguments[1] + '</configuration>')))
    elif step == 'rpc':
        element = etree.fromstring(arguments[0])
        call = session.rpc if order['handler'] == 'junos' else session.dispatch
        seen[name] = tried(call, element)
        if seen[name] == 'ok':
            seen[name] = text(call(element))
    elif step == 'kill':
        seen[name] = tried(first.kill_session, second.session_id)
    else:
        raise ValueError(step)
first.close_session()
seen['connected'] = [first.connected, second.connected]
json.dump(seen, sys.stdout)
